/* What the process runs: look-up in the container's PATH, and execve. */
#include "launcher.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What Docker gives an image that sets no PATH. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What find_program found, for execute. */
static char program[PATH_MAX];

static const char *search_path(char **environment) {
  for (char **entry = environment; *entry != NULL; entry++) {
    if (strncmp(*entry, "PATH=", 5) == 0) return *entry + 5;
  }
  return DEFAULT_PATH;
}

/* 0 when `path` is a file that this user may execute, else the errno that says why not. */
static int check(const char *path) {
  struct stat status;
  if (stat(path, &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  if (!S_ISREG(status.st_mode)) return EACCES;
  /* Real and effective user are the same by now, so access(2) asks for the right one. */
  return access(path, X_OK) == 0 ? 0 : errno;
}

static bool find_in_path(const char *name, const char *directories) {
  int refusal = ENOENT;
  for (const char *start = directories;;) {
    size_t length = strcspn(start, ":");
    /* An empty element is the working directory, as in every shell. */
    int written = length == 0 ? snprintf(program, sizeof program, "./%s", name)
                              : snprintf(program, sizeof program, "%.*s/%s", (int)length, start, name);
    if (written > 0 && (size_t)written < sizeof program) {
      int reason = check(program);
      if (reason == 0) return true;
      if (reason == EACCES) refusal = EACCES;
    }
    if (start[length] == '\0') break;
    start += length + 1;
  }
  errno = refusal;
  return false;
}

/** Finds argv[0]: as it is when it holds a slash, else along the PATH of the given environment. */
bool find_program(const struct instructions *instructions, const char **detail) {
  const char *name = instructions->args[0];
  *detail = name;
  if (strchr(name, '/') == NULL) {
    errno = ENOENT;
    return *name != '\0' && find_in_path(name, search_path(instructions->environment));
  }
  if (strlen(name) >= sizeof program) {
    errno = ENAMETOOLONG;
    return false;
  }
  strcpy(program, name);
  errno = check(program);
  return errno == 0;
}

/** execve(2), with every descriptor above 2 closed by it. Returns only with an error. */
bool execute(const struct instructions *instructions, const char **detail) {
  *detail = program;
  if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) != 0) return false;
  execve(program, instructions->args, instructions->environment);
  return false;
}
