/* Symbolic names of errno values; musl has none. */
#ifndef TETHER_ERRNO_NAME_H
#define TETHER_ERRNO_NAME_H

/** `ENOENT` and the like; `EUNKNOWN` for a number that Linux does not use. */
const char *errno_name(int number);

#endif
