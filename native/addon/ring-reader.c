/* The pump's side of a ring: from the process's output into memory. */
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PAGE 4096u

/* A pipe holds 64 KiB; a longer turn would keep other processes, and a crash, waiting. */
#define MOST_PER_TURN 262144u

/* A full pipe, and its end. */
#define MOST_TURNS 4

/*
 * A process that fills its pipe (64 KiB, pipe(7)) between two turns prints a lot: a larger one takes more of its
 * writes before it, the pump and the main thread have to wait for each other. Not for every pipe, as they count
 * against the user's limit (/proc/sys/fs/pipe-user-pages-soft).
 */
#define FULL_PIPE 65536
#define LARGE_PIPE (1 << 19)

/* The first byte that must not be read: for want of room, or because JavaScript does not want it yet. */
static uint64_t boundary(const struct ring *ring) {
  uint64_t full = ring->header->start + ring->capacity, limit = ring->header->limit;
  return limit < full ? limit : full;
}

void end_reading(struct ring *ring, int error) {
  if (ring->header->has_ended) return;
  drop_descriptor(&ring->watch);
  ring->header->error = error;
  ring->header->has_ended = true;
  tell_javascript(&ring->watch);
}

/* A terminal whose last process has gone gives EIO, tty_ioctl(4): its end, and no error. */
static void handle_failure(struct ring *ring, int error) {
  if (error != EAGAIN && error != EINTR) end_reading(ring, error == EIO ? 0 : error);
}

/* It may be a terminal, or the memory may be missing: then everything stays as it is. */
static void grow(struct ring *ring) {
  ring->is_grown = true;
  (void)!fcntl(ring->watch.descriptor, F_SETPIPE_SZ, LARGE_PIPE);
}

/* Inside the pump's section: no crash comes between the read and the new head. */
static void read_turn(struct ring *ring, uint64_t room) {
  struct ring_header *header = ring->header;
  uint64_t head = header->head;
  ssize_t count = read(ring->watch.descriptor, ring->data + head % ring->capacity,
                       room < MOST_PER_TURN ? room : MOST_PER_TURN);
  if (count < 0) {
    handle_failure(ring, errno);
  } else if (count == 0) {
    end_reading(ring, 0);
  } else {
    header->head = head + (uint64_t)count;
    if (count >= FULL_PIPE && !ring->is_grown) grow(ring);
    ring->is_busy = true;
    tell_javascript(&ring->watch);
  }
}

static void ready(struct watch *watch) {
  struct ring *ring = (struct ring *)watch;
  uint64_t head = ring->header->head, end = boundary(ring);
  if (end <= head) {
    wait_for_descriptor(watch, false);
    ring->is_stalled = true;
    /* JavaScript makes room first and looks whether somebody waits for it then. */
    end = boundary(ring);
    if (end <= head) return;
    ring->is_stalled = false;
    wait_for_descriptor(watch, true);
  }
  read_turn(ring, end - head);
}

void catch_up(struct ring *ring) {
  for (int turn = 0; turn < MOST_TURNS && ring->watch.descriptor >= 0; turn++) {
    uint64_t head = ring->header->head, end = boundary(ring);
    if (end > head) read_turn(ring, end - head);
    if (ring->header->head == head) return;
  }
}

static uint64_t page_up(uint64_t offset) { return (offset + PAGE - 1) / PAGE * PAGE; }

/*
 * The first free page that may be in memory: everything from start back to a capacity before head is free;
 * the page that head is in holds new bytes at its beginning.
 */
static uint64_t first_free(const struct ring *ring) {
  uint64_t head = ring->header->head;
  uint64_t overwritten = head > ring->capacity ? page_up(head - ring->capacity) : 0;
  return ring->trimmed > overwritten ? ring->trimmed : overwritten;
}

bool has_free_pages(const struct ring *ring) { return first_free(ring) + PAGE <= ring->header->start; }

static void punch(const struct ring *ring, uint64_t from, uint64_t to) {
  uint64_t position = from % ring->capacity, length = to - from;
  uint64_t before_wrap = ring->capacity - position;
  uint64_t first = length < before_wrap ? length : before_wrap;
  int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  /* When this fails the memory stays in use, and nothing else is wrong. */
  (void)!fallocate(ring->file, mode, (off_t)(PAGE + position), (off_t)first);
  if (length > first) (void)!fallocate(ring->file, mode, PAGE, (off_t)(length - first));
}

static void trim(struct watch *watch, uint64_t *spare) {
  struct ring *ring = (struct ring *)watch;
  uint64_t from = first_free(ring), to = ring->header->start / PAGE * PAGE;
  bool is_busy = ring->is_busy;
  ring->is_busy = false;
  if (from >= to) return;
  if (is_busy && to - from <= *spare) {
    *spare -= to - from;
    plan_trim();
    return;
  }
  punch(ring, from, to);
  ring->trimmed = to;
}

static void changed(struct watch *watch) {
  struct ring *ring = (struct ring *)watch;
  if (has_free_pages(ring)) plan_trim();
  if (!ring->is_stalled || boundary(ring) <= ring->header->head) return;
  ring->is_stalled = false;
  if (!wait_for_descriptor(watch, true)) end_reading(ring, errno);
}

void start_reading(struct ring *ring) {
  ring->watch.ready = ready;
  ring->watch.changed = changed;
  ring->watch.trim = trim;
  if (ring->header->has_ended) drop_descriptor(&ring->watch);
  else if (!wait_for_descriptor(&ring->watch, true)) end_reading(ring, errno);
}
