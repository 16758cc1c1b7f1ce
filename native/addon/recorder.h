/*
 * What the kernel's small files say, again and again, in a thread of its own: JavaScript is not woken for it. Kept is
 * what has changed, in a ring's memory file that survives execve(2). src/stats/history reads it.
 *
 * A row in the ring is the number of its bytes (4 bytes), a byte that tells its kind, CLOCK_BOOTTIME and CLOCK_REALTIME
 * in microseconds (8 bytes each), all little-endian, and what each source says. Other numbers are varints as protobuf has
 * them. A full row has the description of its sources first: its length and its bytes. The first row is full.
 */
#ifndef TETHER_RECORDER_H
#define TETHER_RECORDER_H

#include "ring.h"

#include <node_api.h>
#include <stddef.h>

/* Of all sources together. */
#define MOST_TEXT_BYTES (512u << 10)

enum row_kind { DIFFERENCE_ROW, FULL_ROW };

/* What a row has for a source. */
enum entry_kind {
  /* As in the row before. */
  SAME,
  /* The same text but for some of its decimal numbers: pairs of a difference (zigzag) and of how many numbers before it
     have none, then 0. */
  OTHER_NUMBERS,
  /* Another text: its length and its bytes. */
  OTHER_TEXT,
  /* It cannot be read: an errno. */
  FAILED,
};

/* What a source says, in the area of its reading. */
struct text {
  size_t offset;
  int32_t length; /* below zero: -errno */
};

/* One reading of all sources. */
struct reading {
  uint8_t *area; /* MOST_TEXT_BYTES */
  struct text *texts;
  int64_t monotonic_us;
  int64_t wall_us;
};

/* Where a row is written to. */
struct row {
  uint8_t *bytes; /* MOST_ROW_BYTES */
  size_t length;
};

/* A text as a difference is at most ten bytes for each of its digits. */
#define MOST_ROW_BYTES (11u * MOST_TEXT_BYTES)

/* Of what a full row says of its sources. */
struct description {
  const uint8_t *bytes;
  size_t length;
};

/* What JavaScript holds of a recorder. */
struct recorder_handle;

/** Of what openRecorder returned; NULL and an exception for anything else. */
struct recorder_handle *read_recorder_handle(napi_env env, napi_value value);

/**
 * The latest reading of so many files, which then stays as it is until it is given back. NULL when it was not taken
 * after this time of CLOCK_BOOTTIME, or is one of other files.
 */
const struct reading *borrow_reading(struct recorder_handle *handle, size_t file_count, int64_t after_us);
void give_back_reading(struct recorder_handle *handle);

/** Writes a row; `before` NULL and a description: a full one. */
void encode_row(struct row *row, const struct reading *before, const struct reading *now, size_t count,
                const struct description *description);

/**
 * Adds a row to the ring. For want of room, and when they are older than `keep_us`, the oldest rows up to the next full
 * one go. @return false when it is a difference to a row that would have to go as well, or does not fit at all.
 */
bool append_row(struct ring *ring, const struct row *row, int64_t keep_us);

#endif
