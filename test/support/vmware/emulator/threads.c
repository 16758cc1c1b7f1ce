#include "emulator.h"

/* Few programs have more; those beyond are without privilege. */
#define MOST_THREADS 1024

static pid_t privileged[MOST_THREADS];

static pid_t *find(pid_t tid) {
  for (size_t i = 0; i < MOST_THREADS; i++) {
    if (privileged[i] == tid) return &privileged[i];
  }
  return NULL;
}

bool has_privilege(pid_t tid) { return find(tid) != NULL; }

void set_privilege(pid_t tid, bool is_privileged) {
  pid_t *place = find(tid);
  if (is_privileged && place == NULL) {
    place = find(0);
    if (place != NULL) *place = tid;
  } else if (!is_privileged && place != NULL) *place = 0;
}

/* The kernel copies the I/O bitmap to threads and children (arch/x86/kernel/process.c). */
void thread_inherits(pid_t parent, pid_t child) { set_privilege(child, has_privilege(parent)); }

void thread_ends(pid_t tid) { set_privilege(tid, false); }
