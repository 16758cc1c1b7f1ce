/*
 * Runs one step of createMountNamespace. The tree below the root comes from an image that may be
 * hostile, so no path in it is ever handed to the kernel as a string: it is resolved to a descriptor that
 * lies below the root, and the call is made on that.
 */
#include "namespace.h"
#include "rooted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* "2147483647" and its end. */
#define DESCRIPTOR_DIGITS 12

static bool fail(struct failure *failure, const char *syscall) {
  failure->number = errno;
  failure->syscall = syscall;
  return false;
}

/* The part of `path` below `root` without leading slashes, "" for the root itself, NULL if outside. */
static const char *below(const char *root, const char *path) {
  size_t length = strlen(root);
  while (length > 0 && root[length - 1] == '/') length--;
  if (strncmp(root, path, length) != 0) return NULL;
  if (path[length] != '/' && path[length] != '\0') return NULL;
  const char *rest = path + length;
  while (*rest == '/') rest++;
  return rest;
}

static void close_quietly(int descriptor) {
  int reason = errno;
  if (descriptor >= 0) close(descriptor);
  errno = reason;
}

/* The root is opened for each step, because an earlier step may have mounted on it. */
static int open_below(const char *root, const char *relative, int flags) {
  int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (top < 0 || *relative == '\0') return top;
  int descriptor = open_rooted(top, relative, (uint64_t)flags, 0);
  close_quietly(top);
  return descriptor;
}

/*
 * mount(2) takes paths only. The name of a descriptor, relative to /proc/self/fd as working directory,
 * is a path that reaches it even when a step has covered /proc.
 */
static int mount_on(const struct step *step, int source, int target, int descriptors) {
  char source_name[DESCRIPTOR_DIGITS], target_name[DESCRIPTOR_DIGITS];
  snprintf(source_name, sizeof source_name, "%d", source);
  snprintf(target_name, sizeof target_name, "%d", target);
  if (fchdir(descriptors) != 0) return -1;
  return mount(source >= 0 ? source_name : step->source, target_name, step->type, step->flags, step->data);
}

static const char *source_below(const struct step *step, const char *root) {
  bool is_path = (step->flags & (MS_BIND | MS_MOVE)) != 0 && (step->flags & MS_REMOUNT) == 0;
  if (!is_path || step->source == NULL) return NULL;
  const char *relative = below(root, step->source);
  return relative == NULL || *relative == '\0' ? NULL : relative;
}

static bool run_mount(const struct step *step, const char *root, const char *relative, int descriptors,
                      struct failure *failure) {
  int target = open_below(root, relative, O_PATH);
  if (target < 0 && step->optional && (errno == ENOENT || errno == ENOTDIR)) return true;
  if (target < 0) return fail(failure, "openat2");

  int source = -1;
  const char *inner = source_below(step, root);
  bool done = true;
  if (inner != NULL && (source = open_below(root, inner, O_PATH)) < 0) {
    done = fail(failure, "openat2");
  } else if (mount_on(step, source, target, descriptors) != 0) {
    done = fail(failure, "mount");
  }
  close_quietly(source);
  close_quietly(target);
  return done;
}

static int make_file(int parent, const char *name, mode_t mode) {
  int file = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (file < 0) return -1;
  close(file);
  return 0;
}

static bool make_in(const struct step *step, int parent, const char *name, struct failure *failure) {
  int result = -1;
  const char *syscall = "";
  switch (step->kind) {
    case STEP_MAKE_DIRECTORY:
      syscall = "mkdirat";
      result = mkdirat(parent, name, step->mode & 07777);
      break;
    case STEP_MAKE_FILE:
      syscall = "openat";
      result = make_file(parent, name, step->mode & 07777);
      break;
    case STEP_SYMLINK:
      syscall = "symlinkat";
      result = symlinkat(step->source, parent, name);
      break;
    case STEP_MAKE_NODE:
      syscall = "mknodat";
      result = mknodat(parent, name, step->mode, step->device);
      break;
    case STEP_MOUNT:
      break;
  }
  return result == 0 || errno == EEXIST || fail(failure, syscall);
}

static bool run_make(const struct step *step, const char *root, const char *relative,
                     struct failure *failure) {
  char *path = strdup(relative);
  if (path == NULL) return fail(failure, "malloc");
  size_t length = strlen(path);
  while (length > 0 && path[length - 1] == '/') path[--length] = '\0';

  char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  const char *parent_path = slash == NULL ? "" : path;
  if (slash != NULL) *slash = '\0';

  bool done = true;
  /* The root itself, and "." or "..", exist. */
  if (*name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
    int parent = open_below(root, parent_path, O_PATH | O_DIRECTORY);
    done = parent < 0 ? fail(failure, "openat2") : make_in(step, parent, name, failure);
    close_quietly(parent);
  }
  free(path);
  return done;
}

bool run_step(const struct step *step, const char *root, int descriptors, struct failure *failure) {
  failure->target = step->target;
  const char *relative = below(root, step->target);
  if (relative == NULL) {
    errno = EXDEV;
    return fail(failure, "openat2");
  }
  if (step->kind == STEP_MOUNT) return run_mount(step, root, relative, descriptors, failure);
  return run_make(step, root, relative, failure);
}
