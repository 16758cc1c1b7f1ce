#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/** kill(2): (pid, signal). */
napi_value call_kill(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int64_t pid, signal;
  if (!read_integer(env, argv[0], "pid", INT32_MIN + 1, INT32_MAX, &pid) ||
      !read_integer(env, argv[1], "signal", 1, 64, &signal)) {
    return NULL;
  }
  if (kill((pid_t)pid, (int)signal) != 0) throw_errno(env, errno, "kill", NULL);
  return NULL;
}

/* Node marks its standard streams close-on-exec at start-up; the next program needs them. */
static void keep_standard_streams(void) {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
    fcntl(descriptor, F_SETFD, 0);
  }
}

/** execve(2) with the standard streams kept: (path, args, env). Returns only by throwing. */
napi_value call_replace_process(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  char *path = NULL, **args = NULL, **environment = NULL;
  if ((path = read_string(env, argv[0], "path")) != NULL &&
      (args = read_vector(env, argv[1], "args")) != NULL &&
      (environment = read_vector(env, argv[2], "env")) != NULL) {
    keep_standard_streams();
    execve(path, args, environment);
    throw_errno(env, errno, "execve", path);
  }
  free(path);
  free_vector(args);
  free_vector(environment);
  return NULL;
}
