#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <fcntl.h>

static napi_value set_flag(napi_env env, napi_callback_info info, int flag) {
  ARGUMENTS(1);
  int descriptor;
  if (!read_descriptor(env, argv[0], "descriptor", &descriptor)) return NULL;
  if (fcntl(descriptor, F_SETFD, flag) != 0) throw_errno(env, errno, "fcntl F_SETFD", NULL);
  return NULL;
}

/** fcntl(2) F_SETFD 0: (descriptor). */
napi_value call_keep_descriptor(napi_env env, napi_callback_info info) { return set_flag(env, info, 0); }

/** fcntl(2) F_SETFD FD_CLOEXEC: (descriptor). */
napi_value call_close_on_exec(napi_env env, napi_callback_info info) {
  return set_flag(env, info, FD_CLOEXEC);
}
