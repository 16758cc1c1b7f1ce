#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void set_up(napi_env env, const char *name) {
  struct ifreq request = {0};
  if (strlen(name) >= sizeof request.ifr_name) {
    throw_errno(env, ENODEV, "ioctl SIOCGIFFLAGS", name);
    return;
  }
  strcpy(request.ifr_name, name);
  int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) {
    throw_errno(env, errno, "socket", name);
    return;
  }
  if (ioctl(socket_fd, SIOCGIFFLAGS, &request) != 0) {
    throw_errno(env, errno, "ioctl SIOCGIFFLAGS", name);
  } else {
    request.ifr_flags |= IFF_UP;
    if (ioctl(socket_fd, SIOCSIFFLAGS, &request) != 0) throw_errno(env, errno, "ioctl SIOCSIFFLAGS", name);
  }
  close(socket_fd);
}

/** Sets IFF_UP, netdevice(7): (name). */
napi_value call_set_interface_up(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  char *name = read_string(env, argv[0], "name");
  if (name == NULL) return NULL;
  set_up(env, name);
  free(name);
  return NULL;
}
