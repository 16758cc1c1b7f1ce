#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void load(napi_env env, const char *path, const char *parameters) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    throw_errno(env, errno, "open", path);
    return;
  }
  /* The agent's image has no read-ahead (stage 0): the kernel would read page after page, and wait for each. */
  posix_fadvise(file, 0, 0, POSIX_FADV_WILLNEED);
  if (syscall(SYS_finit_module, file, parameters, 0) != 0 && errno != EEXIST) {
    throw_errno(env, errno, "finit_module", path);
  }
  close(file);
}

/** finit_module(2): (path, parameters). A module that is loaded already is no error. */
napi_value call_load_module(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  char *path = read_string(env, argv[0], "path");
  if (path == NULL) return NULL;
  char *parameters = read_string(env, argv[1], "parameters");
  if (parameters != NULL) load(env, path, parameters);
  free(parameters);
  free(path);
  return NULL;
}
