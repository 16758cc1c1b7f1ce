#include "arguments.h"
#include "calls.h"
#include "children.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Far above what the launcher takes (7). */
#define MOST_DESCRIPTORS 64

struct request {
  char *path;
  char **args;
  char **environment;
  int descriptors[MOST_DESCRIPTORS]; /* -1 where the child's descriptor stays closed */
  uint32_t descriptor_count;
};

static bool read_descriptors(napi_env env, napi_value list, struct request *request) {
  bool is_array = false;
  napi_is_array(env, list, &is_array);
  if (!is_array || napi_get_array_length(env, list, &request->descriptor_count) != napi_ok ||
      request->descriptor_count > MOST_DESCRIPTORS) {
    throw_type_error(env, "descriptors", "an array of at most 64 descriptors");
    return false;
  }
  for (uint32_t i = 0; i < request->descriptor_count; i++) {
    napi_value element;
    request->descriptors[i] = -1;
    if (napi_get_element(env, list, i, &element) != napi_ok) return false;
    if (is_absent(env, element)) continue;
    if (!read_descriptor(env, element, "descriptors", &request->descriptors[i])) return false;
  }
  return true;
}

static bool read_request(napi_env env, napi_value object, struct request *request) {
  napi_value path, args, environment, descriptors;
  return read_property(env, object, "path", &path) && read_property(env, object, "args", &args) &&
         read_property(env, object, "env", &environment) &&
         read_property(env, object, "descriptors", &descriptors) &&
         (request->path = read_string(env, path, "path")) != NULL &&
         (request->args = read_vector(env, args, "args")) != NULL &&
         (request->environment = read_vector(env, environment, "env")) != NULL &&
         read_descriptors(env, descriptors, request);
}

/*
 * The child has closed what it does not keep by the time it executes, so /proc/self/fd/N must be looked
 * up in this process. Its number comes from the link, because /proc may show another PID namespace.
 */
static int executable_path(const char *path, char *result, size_t size) {
  const char *own = "/proc/self/";
  int length;
  if (strncmp(path, own, strlen(own)) == 0) {
    char pid[32];
    ssize_t digits = readlink("/proc/self", pid, sizeof pid - 1);
    if (digits < 0) return errno;
    pid[digits] = '\0';
    length = snprintf(result, size, "/proc/%s/%s", pid, path + strlen(own));
  } else {
    length = snprintf(result, size, "%s", path);
  }
  return length < 0 || (size_t)length >= size ? ENAMETOOLONG : 0;
}

/* Sources move above every target first, so that no dup2 overwrites a source of a later one. */
static int lift_descriptors(struct request *request) {
  for (uint32_t i = 0; i < request->descriptor_count; i++) {
    int source = request->descriptors[i];
    if (source < 0) continue;
    request->descriptors[i] = fcntl(source, F_DUPFD_CLOEXEC, (int)request->descriptor_count);
    if (request->descriptors[i] >= 0) continue;
    int reason = errno;
    /* What follows is still the caller's own and must not be closed. */
    request->descriptor_count = i;
    return reason;
  }
  return 0;
}

static void close_lifted(const struct request *request) {
  for (uint32_t i = 0; i < request->descriptor_count; i++) {
    if (request->descriptors[i] >= 0) close(request->descriptors[i]);
  }
}

static int start(const struct request *request, const char *path, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);

  int result = 0;
  for (uint32_t i = 0; i < request->descriptor_count && result == 0; i++) {
    int source = request->descriptors[i];
    result = source < 0 ? posix_spawn_file_actions_addclose(&actions, (int)i)
                        : posix_spawn_file_actions_adddup2(&actions, source, (int)i);
  }
  if (result == 0) {
    result = posix_spawn_file_actions_addclosefrom_np(&actions, (int)request->descriptor_count);
  }
  sigemptyset(&none);
  /* Not sigfillset: glibc leaves out its own signals 32 and 33, which would then be ignored in the child. */
  memset(&all, 0xff, sizeof all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (result == 0) {
    result = posix_spawn(pid, path, &actions, &attributes, request->args, request->environment);
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return result;
}

/* Nobody may take the child for a stranger, though it ends before posix_spawn returns. */
static int start_own(const struct request *request, const char *path, pid_t *pid) {
  lock_children();
  int reason = prepare_own_child() ? start(request, path, pid) : ENOMEM;
  if (reason == 0) know_own_child(*pid);
  unlock_children();
  return reason;
}

static napi_value spawn_request(napi_env env, struct request *request) {
  char path[PATH_MAX];
  int reason = executable_path(request->path, path, sizeof path);
  if (reason != 0) return throw_errno(env, reason, "posix_spawn", request->path);
  reason = lift_descriptors(request);
  if (reason != 0) {
    close_lifted(request);
    return throw_errno(env, reason, "fcntl F_DUPFD_CLOEXEC", request->path);
  }
  pid_t pid;
  reason = start_own(request, path, &pid);
  close_lifted(request);
  if (reason != 0) return throw_errno(env, reason, "posix_spawn", request->path);
  return to_number(env, pid);
}

/** posix_spawn(3) with default signals and only the given descriptors: ({path, args, env, descriptors}). */
napi_value call_spawn(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct request request = {0};
  napi_value result = NULL;
  if (read_request(env, argv[0], &request)) result = spawn_request(env, &request);
  free(request.path);
  free_vector(request.args);
  free_vector(request.environment);
  return result;
}
