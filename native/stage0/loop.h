/* Loop devices, loop(4). */
#ifndef TETHER_LOOP_H
#define TETHER_LOOP_H

#include <stddef.h>

/**
 * Attaches a file to a free loop device, read-only; it detaches itself after its last user. Returns the
 * device's descriptor, which holds it until it is mounted, and its path; -1 with errno.
 */
int attach_loop(int file, char *path, size_t path_room);

#endif
