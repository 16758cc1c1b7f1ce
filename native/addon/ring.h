/*
 * A process's output in a memory file, addressed by the offset from its first byte. The file's descriptor
 * survives execve(2), and so do the bytes and the offsets.
 */
#ifndef TETHER_RING_H
#define TETHER_RING_H

#include "ring-pump.h"

/* The first page of the file; the data follows. */
struct ring_header {
  uint64_t magic;
  uint64_t capacity;
  _Atomic uint64_t start; /* bytes before it may be overwritten; JavaScript's */
  _Atomic uint64_t limit; /* no byte from here on is read from the source; JavaScript's */
  _Atomic uint64_t head;  /* the number of bytes that were read from the source; the pump's */
  _Atomic int32_t error;  /* errno that ended it, 0 for the end of the file or of the terminal */
  _Atomic uint32_t has_ended;
};

struct ring {
  struct watch watch; /* the first member: the pump knows only this */
  int file;           /* a duplicate of its own */
  struct ring_header *header;
  uint8_t *data; /* mapped twice, one behind the other, so that no byte sequence is ever cut in two */
  uint64_t capacity;
  _Atomic bool is_stalled;  /* the source waits for room or for a higher limit */
  bool is_grown;            /* its pipe was made larger; the pump's */
  bool is_busy;             /* it has got bytes since the last time to trim; the pump's */
  _Atomic uint64_t trimmed; /* what lies before is not in memory, as far as it is free; the pump's */
};

/** Makes the file; the descriptor is close-on-exec. @return -1 with errno. */
int make_ring_file(uint64_t capacity);

/** Maps the file into `ring`. @return 0 or an errno: EINVAL for a file that is no sound ring. */
int map_ring(struct ring *ring, int file);

/** Undoes map_ring; again is fine. */
void unmap_ring(struct ring *ring);

/** Lets the pump read the source, watch.descriptor, as far as there is room. Under the pump's lock. */
void start_reading(struct ring *ring);

/** Reads what the source has, as far as there is room. Under the pump's lock. */
void catch_up(struct ring *ring);

/** Marks the end and closes the source. Under the pump's lock. */
void end_reading(struct ring *ring, int error);

/** Whether pages of the ring can be given back. */
bool has_free_pages(const struct ring *ring);

#endif
