/* The live upgrade: another agent in this one's place, and then its image as the root of the file system. */
#include "arguments.h"
#include "calls.h"
#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LONGEST_LIMIT_S 3600

static bool read_upgrade(napi_env env, napi_value object, struct upgrade *upgrade) {
  napi_value root, old_root, path, args, environment, limit;
  int64_t seconds;
  if (!read_property(env, object, "root", &root) || !read_property(env, object, "oldRoot", &old_root) ||
      !read_property(env, object, "path", &path) || !read_property(env, object, "args", &args) ||
      !read_property(env, object, "env", &environment) || !read_property(env, object, "limitS", &limit) ||
      !read_descriptor(env, root, "root", &upgrade->root) ||
      !read_descriptor(env, old_root, "oldRoot", &upgrade->old_root) ||
      !read_integer(env, limit, "limitS", 1, LONGEST_LIMIT_S, &seconds)) {
    return false;
  }
  upgrade->limit_s = (unsigned)seconds;
  return (upgrade->path = read_string(env, path, "path")) != NULL &&
         (upgrade->args = read_vector(env, args, "args")) != NULL &&
         (upgrade->environment = read_vector(env, environment, "env")) != NULL;
}

/** execve(2) of another agent in another root: ({root, oldRoot, path, args, env, limitS}). Returns only by throwing. */
napi_value call_upgrade(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  if (crash_plan.process == 0) return throw_errno(env, EINVAL, "upgrade", NULL);
  struct upgrade upgrade = {0};
  if (read_upgrade(env, argv[0], &upgrade)) execute_upgrade(&upgrade);
  free(upgrade.path);
  free_vector(upgrade.args);
  free_vector(upgrade.environment);
  return NULL;
}

/* Returns what failed, with errno; NULL when nothing did. The root is the present one again then. */
static const char *exchange_roots(const char *image) {
  int present = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (present < 0) return "open";
  const char *failed = NULL;
  /* Both must be seen from the root that is to go: pivot_root(2). */
  if (fchdir(crash_plan.hand_back.root) != 0 || chroot(".") != 0) failed = "chroot";
  else if (chdir(image) != 0) failed = "chdir";
  else if (syscall(SYS_pivot_root, ".", ".") != 0) failed = "pivot_root";
  int reason = errno;
  if (failed != NULL && (fchdir(present) != 0 || chroot(".") != 0)) failed = "chroot back";
  close(present);
  errno = reason;
  return failed;
}

/* From here on there is no way back, and a crash executes the same agent again. */
static void stay(void) {
  crash_plan.hand_back.is_wanted = false;
  set_limit(0);
  signal(SIGALRM, SIG_DFL);
  sigdelset(&crash_plan.signals, SIGALRM);
}

/**
 * The agent's image becomes the root, and the one before is unmounted: (its mount, as the root before saw it).
 * The crash handler hands nothing back any more.
 */
napi_value call_settle_upgrade(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  if (!crash_plan.hand_back.is_wanted) return throw_errno(env, EINVAL, "settleUpgrade", NULL);
  char *image = read_string(env, argv[0], "image");
  if (image == NULL) return NULL;
  enter_section(SECTION_MAIN);
  const char *failed = exchange_roots(image);
  int reason = errno;
  if (failed == NULL) {
    stay();
    /* It lies on top of the new one. */
    if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) failed = "umount2", reason = errno;
    close(crash_plan.hand_back.root);
  }
  leave_section(SECTION_MAIN);
  if (failed != NULL) throw_errno(env, reason, failed, image);
  free(image);
  return NULL;
}
