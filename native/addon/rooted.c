#include "rooted.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

/* openat2(2) gives EAGAIN when a rename anywhere in the system made its answer unsafe. */
#define RENAME_RACE_ATTEMPTS 64

int open_rooted(int root, const char *path, uint64_t flags, uint64_t mode) {
  const uint64_t creating = O_CREAT | (O_TMPFILE & ~O_DIRECTORY);
  struct open_how how = {
      .flags = flags | O_CLOEXEC,
      .mode = flags & creating ? mode : 0,
      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  };
  int descriptor = -1;
  for (int attempt = 0; attempt < RENAME_RACE_ATTEMPTS; attempt++) {
    descriptor = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (descriptor >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return descriptor;
}
