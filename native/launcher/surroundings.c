/* Where the process runs: cgroup, namespaces, directory. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/** Writes "0", the caller itself, to cgroup.procs, cgroups(7). */
bool join_cgroup(const struct instructions *instructions, const char **detail) {
  (void)instructions;
  (void)detail;
  return !is_open(CGROUP_FD) || write(CGROUP_FD, "0", 1) == 1;
}

/** /proc/self/oom_score_adj, proc(5). */
bool set_oom_score(const struct instructions *instructions, const char **detail) {
  const char *score = instructions->oom_score_adj;
  if (score == NULL) return true;
  *detail = score;
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  return file >= 0 && write(file, score, strlen(score)) == (ssize_t)strlen(score) && close(file) == 0;
}

/** unshare(2) CLONE_NEWCGROUP. */
bool enter_cgroup_namespace(const struct instructions *instructions, const char **detail) {
  (void)detail;
  return !instructions->cgroup_namespace || unshare(CLONE_NEWCGROUP) == 0;
}

/**
 * setns(2), which also makes the namespace's root this process's root and working directory. From here on
 * the container can see this process, so /proc/PID/exe and memory are closed to it first (CVE-2019-5736):
 * the agent runs this program from a sealed memory file or a read-only file system besides.
 */
bool enter_mount_namespace(const struct instructions *instructions, const char **detail) {
  (void)instructions;
  (void)detail;
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return false;
  return !is_open(MOUNT_NAMESPACE_FD) || setns(MOUNT_NAMESPACE_FD, CLONE_NEWNS) == 0;
}

static bool make_directory(const char *path) {
  return mkdir(path, 0755) == 0 || errno == EEXIST;
}

/** mkdir -p of the working directory below the container's root, owned by root, mode 0755. */
bool make_working_directory(const struct instructions *instructions, const char **detail) {
  if (!instructions->make_cwd || instructions->cwd == NULL) return true;
  *detail = instructions->cwd;
  char *path = strdup(instructions->cwd);
  if (path == NULL) return false;
  mode_t before = umask(0);
  bool done = true;
  for (char *slash = strchr(path + 1, '/'); slash != NULL && done; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    done = make_directory(path);
    *slash = '/';
  }
  done = done && make_directory(path);
  int reason = errno;
  umask(before);
  free(path);
  errno = reason;
  return done;
}

/** Whether the process is where its instructions want it. */
static bool is_in_directory;

/** chdir(2), and getcwd(2), which fails outside of the container's root (CVE-2024-21626). */
bool change_directory(const struct instructions *instructions, const char **detail) {
  if (instructions->cwd == NULL || is_in_directory) return true;
  *detail = instructions->cwd;
  char path[PATH_MAX];
  is_in_directory = chdir(instructions->cwd) == 0 && getcwd(path, sizeof path) != NULL;
  return is_in_directory;
}

/** The same where only the user may be let in, by a file system over the network. */
bool try_directory(const struct instructions *instructions, const char **detail) {
  return change_directory(instructions, detail) || errno == EACCES || errno == EPERM;
}
