/* The parts of createMountNamespace: steps as C data, and the loop that runs them. */
#ifndef TETHER_NAMESPACE_H
#define TETHER_NAMESPACE_H

#include "arguments.h"

#include <sys/types.h>

enum step_kind { STEP_MOUNT, STEP_MAKE_DIRECTORY, STEP_MAKE_FILE, STEP_SYMLINK, STEP_MAKE_NODE };

/* One NamespaceStep of system.ts; every string belongs to it. */
struct step {
  enum step_kind kind;
  char *source;
  char *target;
  char *type;
  char *data;
  unsigned long flags;
  bool optional;
  mode_t mode;
  dev_t device;
};

/* A system call that failed. `target` points into the steps or to the root's path. */
struct failure {
  int number;
  const char *syscall;
  const char *target;
};

/** Reads the array of steps; NULL with an exception pending when one is malformed. For free_steps. */
struct step *read_steps(napi_env env, napi_value list, uint32_t *count);

/** Frees what read_steps returned. */
void free_steps(struct step *steps, uint32_t count);

/**
 * Runs one step below `root`, as the calling thread sees it; the thread's working directory must be its
 * own (unshare CLONE_FS), because it is set to `descriptors`, a directory descriptor of /proc/self/fd.
 * Returns false with `failure` filled in.
 */
bool run_step(const struct step *step, const char *root, int descriptors, struct failure *failure);

#endif
