/*
 * Mounts that come and go in a mount namespace that runs: a thread enters it (setns(2)), because only who is in it may
 * change it, and ends.
 */
#include "arguments.h"
#include "calls.h"
#include "crash.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

/* What goes into the thread and what comes back; either a tree that is to be attached, or a path to be unmounted. */
struct change {
  int namespace_fd;
  int tree;
  int target;
  const char *path;
  int flags;
  int number;
  const char *step;
};

static void fail(struct change *change, const char *step) {
  change->number = errno;
  change->step = step;
}

static void *run(void *data) {
  struct change *change = data;
  leave_crashes_to_main_thread();
  /* setns(2) refuses a namespace to who shares its working directory with other threads. */
  if (unshare(CLONE_FS) != 0) fail(change, "unshare");
  else if (setns(change->namespace_fd, CLONE_NEWNS) != 0) fail(change, "setns");
  else if (change->path == NULL) {
    if (move_mount(change->tree, "", change->target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
      fail(change, "move_mount");
  } else if (umount2(change->path, change->flags | UMOUNT_NOFOLLOW) != 0) {
    fail(change, "umount2");
  }
  return NULL;
}

static void run_in_thread(struct change *change) {
  pthread_t thread;
  int reason = create_thread(&thread, run, change);
  if (reason == 0) {
    pthread_join(thread, NULL);
    main_thread_goes_on();
  } else {
    errno = reason;
    fail(change, "pthread_create");
  }
}

static bool read_attributes(napi_env env, napi_value object, struct mount_attr *attributes) {
  static const char *const NAMES[] = {"set", "clear", "propagation"};
  int64_t numbers[3];
  for (size_t i = 0; i < 3; i++) {
    napi_value value;
    if (!read_property(env, object, NAMES[i], &value) ||
        !read_integer(env, value, NAMES[i], 0, UINT32_MAX, &numbers[i])) {
      return false;
    }
  }
  *attributes = (struct mount_attr){
      .attr_set = (uint64_t)numbers[0], .attr_clr = (uint64_t)numbers[1], .propagation = (uint64_t)numbers[2]};
  return true;
}

static void attach(struct change *change, const char *source, struct mount_attr *attributes) {
  change->tree = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (change->tree < 0) {
    fail(change, "open_tree");
    return;
  }
  /* While nobody sees it: no process meets it with other attributes. */
  if (mount_setattr(change->tree, "", AT_EMPTY_PATH | AT_RECURSIVE, attributes, sizeof *attributes) != 0)
    fail(change, "mount_setattr");
  else run_in_thread(change);
  close(change->tree);
}

/**
 * open_tree(2), mount_setattr(2), move_mount(2): (namespace, source, target, {set, clear, propagation}). The source is a
 * path of the caller's, the target a descriptor of the namespace's.
 */
napi_value call_attach_mount(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  struct change change = {.tree = -1};
  struct mount_attr attributes;
  if (!read_descriptor(env, argv[0], "namespace", &change.namespace_fd) ||
      !read_descriptor(env, argv[2], "target", &change.target) || !read_attributes(env, argv[3], &attributes)) {
    return NULL;
  }
  char *source = read_string(env, argv[1], "source");
  if (source == NULL) return NULL;
  attach(&change, source, &attributes);
  if (change.number != 0) throw_errno(env, change.number, change.step, source);
  free(source);
  return NULL;
}

/** umount2(2) with UMOUNT_NOFOLLOW in a namespace: (namespace, path as the namespace has it, flags). */
napi_value call_detach_mount(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  struct change change = {.tree = -1};
  int64_t flags;
  if (!read_descriptor(env, argv[0], "namespace", &change.namespace_fd) ||
      !read_integer(env, argv[2], "flags", 0, INT32_MAX, &flags)) {
    return NULL;
  }
  char *path = read_bytes(env, argv[1], "path");
  if (path == NULL) return NULL;
  change.path = path;
  change.flags = (int)flags;
  run_in_thread(&change);
  if (change.number != 0) throw_errno(env, change.number, change.step, path);
  free(path);
  return NULL;
}
