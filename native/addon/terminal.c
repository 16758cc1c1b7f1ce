#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <termios.h>

/** ioctl TIOCSWINSZ, ioctl_tty(2): (descriptor, columns, rows, widthPixels, heightPixels). */
napi_value call_set_window_size(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int descriptor;
  int64_t columns, rows, width, height;
  if (!read_descriptor(env, argv[0], "descriptor", &descriptor) ||
      !read_integer(env, argv[1], "columns", 0, UINT16_MAX, &columns) ||
      !read_integer(env, argv[2], "rows", 0, UINT16_MAX, &rows) ||
      !read_integer(env, argv[3], "widthPixels", 0, UINT16_MAX, &width) ||
      !read_integer(env, argv[4], "heightPixels", 0, UINT16_MAX, &height)) {
    return NULL;
  }
  struct winsize size = {.ws_row = (unsigned short)rows,
                         .ws_col = (unsigned short)columns,
                         .ws_xpixel = (unsigned short)width,
                         .ws_ypixel = (unsigned short)height};
  if (ioctl(descriptor, TIOCSWINSZ, &size) != 0) throw_errno(env, errno, "ioctl TIOCSWINSZ", NULL);
  return NULL;
}

/** cfmakeraw and tcsetattr, termios(3): (descriptor). */
napi_value call_set_raw_mode(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int descriptor;
  struct termios mode;
  if (!read_descriptor(env, argv[0], "descriptor", &descriptor)) return NULL;
  if (tcgetattr(descriptor, &mode) != 0) return throw_errno(env, errno, "tcgetattr", NULL);
  cfmakeraw(&mode);
  if (tcsetattr(descriptor, TCSANOW, &mode) != 0) return throw_errno(env, errno, "tcsetattr", NULL);
  return NULL;
}
