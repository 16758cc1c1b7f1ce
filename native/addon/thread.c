#include "thread.h"

#include <signal.h>

static const int FAULTS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};

int create_thread(pthread_t *thread, void *(*run)(void *), void *data) {
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) sigdelset(&blocked, FAULTS[i]);
  /* A thread begins with its maker's mask. */
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  int reason = pthread_create(thread, NULL, run, data);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return reason;
}
