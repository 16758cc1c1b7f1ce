#include "calls.h"
#include "crash.h"
#include "namespace.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What goes into the thread and what comes back. */
struct job {
  char *root;
  struct step *steps;
  uint32_t count;
  int namespace_fd;
  int root_fd;
  struct failure failure;
};

static bool fail(struct job *job, const char *syscall) {
  job->failure = (struct failure){.number = errno, .syscall = syscall, .target = job->root};
  return false;
}

/*
 * The new namespace, before anything changes in it: nothing propagates back to the agent's own mounts.
 * Its descriptor is taken now, because after the pivot /proc is the container's, or absent.
 */
static bool enter(struct job *job) {
  leave_crashes_to_main_thread();
  if (unshare(CLONE_FS | CLONE_NEWNS) != 0) return fail(job, "unshare");
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return fail(job, "mount");
  job->namespace_fd = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (job->namespace_fd < 0) return fail(job, "open");
  umask(0); /* the modes of make-* steps are exact; CLONE_FS made the umask this thread's own */
  return true;
}

/* pivot_root(2) wants a mount point. */
static bool make_mount_point(struct job *job) {
  struct statx status;
  if (statx(AT_FDCWD, job->root, 0, 0, &status) != 0) return fail(job, "statx");
  if (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) return true;
  if (mount(job->root, job->root, NULL, MS_BIND | MS_REC, NULL) != 0) return fail(job, "mount");
  return true;
}

static bool run_steps(struct job *job) {
  int descriptors = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (descriptors < 0) return fail(job, "open");
  bool done = true;
  for (uint32_t i = 0; i < job->count && done; i++) {
    done = run_step(&job->steps[i], job->root, descriptors, &job->failure);
  }
  close(descriptors);
  return done;
}

/* pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one and is detached. */
static bool pivot(struct job *job) {
  if (chdir(job->root) != 0) return fail(job, "chdir");
  if (syscall(SYS_pivot_root, ".", ".") != 0) return fail(job, "pivot_root");
  if (umount2(".", MNT_DETACH) != 0) return fail(job, "umount2");
  if (chdir("/") != 0) return fail(job, "chdir");
  job->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (job->root_fd < 0) return fail(job, "open");
  return true;
}

static void *run(void *data) {
  struct job *job = data;
  if (enter(job) && make_mount_point(job) && run_steps(job)) pivot(job);
  return NULL;
}

/* A thread of its own, because only a thread that ends again may leave the agent's file system view. */
static void run_in_thread(struct job *job) {
  pthread_t thread;
  int reason = create_thread(&thread, run, job);
  if (reason == 0) {
    pthread_join(thread, NULL);
    main_thread_goes_on();
  } else {
    errno = reason;
    fail(job, "pthread_create");
  }
}

static napi_value result_of(napi_env env, const struct job *job) {
  if (job->failure.number != 0) {
    if (job->namespace_fd >= 0) close(job->namespace_fd);
    if (job->root_fd >= 0) close(job->root_fd);
    return throw_errno(env, job->failure.number, job->failure.syscall, job->failure.target);
  }
  napi_value object;
  napi_create_object(env, &object);
  napi_set_named_property(env, object, "namespace", to_number(env, job->namespace_fd));
  napi_set_named_property(env, object, "root", to_number(env, job->root_fd));
  return object;
}

/** unshare(2), mount(2) …, pivot_root(2) in a thread of its own: (root, steps) gives {namespace, root}. */
napi_value call_create_mount_namespace(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  struct job job = {.namespace_fd = -1, .root_fd = -1};
  napi_value result = NULL;
  job.root = read_string(env, argv[0], "root");
  if (job.root == NULL) return NULL;
  job.steps = read_steps(env, argv[1], &job.count);
  if (job.steps != NULL) {
    run_in_thread(&job);
    result = result_of(env, &job);
  }
  free_steps(job.steps, job.count);
  free(job.root);
  return result;
}
