#include "../common/errno-name.h"
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A detail is a path or an argument; more of it than a path can have says nothing to a reader. */
#define LONGEST_DETAIL 4096u

bool is_open(int descriptor) { return fcntl(descriptor, F_GETFD) >= 0; }

/* Only what concerns the program itself counts as not found; a missing working directory does not. */
static int exit_status(const char *step, int number) {
  bool is_program = strcmp(step, "lookup") == 0 || strcmp(step, "execute") == 0;
  return is_program && (number == ENOENT || number == ENOTDIR) ? EXIT_NOT_FOUND : EXIT_NOT_STARTED;
}

_Noreturn void report(const char *step, int number, const char *detail) {
  char record[LONGEST_DETAIL + 128];
  int status = exit_status(step, number);
  int length = snprintf(record, sizeof record, "%s%c%d%c%s%c%.*s", step, 0, number, 0, errno_name(number), 0,
                        (int)LONGEST_DETAIL, detail);
  /* A reader that is gone must not turn the exit status into a signal. */
  signal(SIGPIPE, SIG_IGN);
  const char *rest = record;
  size_t left = (size_t)length + 1;
  while (left > 0) {
    ssize_t written = write(REPORT_FD, rest, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    rest += written;
    left -= (size_t)written;
  }
  _exit(status);
}
