/* Path resolution that cannot leave a root directory, whatever symbolic links lie in it. */
#ifndef TETHER_ROOTED_H
#define TETHER_ROOTED_H

#include <stdint.h>

/**
 * openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, always close-on-exec. `mode` counts only
 * when `flags` create. Returns a descriptor, or -1 with errno.
 */
int open_rooted(int root, const char *path, uint64_t flags, uint64_t mode);

#endif
