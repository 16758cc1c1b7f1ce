/* Waiting for children in two steps, so that a crash between them loses no status. */
#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <sys/wait.h>

static napi_value wait_for(napi_env env, idtype_t which, id_t pid, int options) {
  siginfo_t status = {0};
  int result;
  do {
    result = waitid(which, pid, &status, options | WEXITED | WNOHANG);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != ECHILD) return throw_errno(env, errno, "waitid", NULL);
  if (result != 0 || status.si_pid == 0) return NULL;

  napi_value object, dumped;
  const char *how = status.si_code == CLD_EXITED ? "code" : "signal";
  napi_create_object(env, &object);
  napi_get_boolean(env, status.si_code == CLD_DUMPED, &dumped);
  napi_set_named_property(env, object, "pid", to_number(env, status.si_pid));
  napi_set_named_property(env, object, how, to_number(env, status.si_status));
  napi_set_named_property(env, object, "coreDumped", dumped);
  return object;
}

/** waitid(2) P_ALL, WEXITED | WNOHANG | WNOWAIT: () gives {pid, code | signal, coreDumped} or undefined. */
napi_value call_peek_child(napi_env env, napi_callback_info info) {
  (void)info;
  return wait_for(env, P_ALL, 0, WNOWAIT);
}

/** waitid(2) P_PID, WEXITED | WNOHANG: (pid) gives what peekChild gives. */
napi_value call_reap_child(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int64_t pid;
  if (!read_integer(env, argv[0], "pid", 1, INT32_MAX, &pid)) return NULL;
  return wait_for(env, P_PID, (id_t)pid, 0);
}
