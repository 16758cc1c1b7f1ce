/*
 * Numbers in the kernel's files, read where they were before: a file whose text is the same but for its numbers needs
 * nobody who knows what it means. src/stats/reading tells which number is wanted and where it is.
 */
#ifndef TETHER_FOLLOWED_NUMBERS_H
#define TETHER_FOLLOWED_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row of the table `numbers`: where the number begins in its file, what it is multiplied by, and how many digits
   there are behind its point (0: there is no point; 2: its value is in hundredths). */
enum { NUMBER_AT, NUMBER_SCALE, NUMBER_DECIMALS, NUMBER_FIELDS };

/* Of one file: its rows of `numbers`, in the order of the file, and what is told of them. */
struct followed {
  int32_t *rows;
  size_t count;
  size_t first; /* the index of the first one among those of all files */
  double *values;
  int32_t *changed; /* how many, and the indices of those */
};

/* A file's bytes. */
struct bytes {
  const uint8_t *start;
  size_t length;
};

/**
 * Goes from one text to another one of the same file, and tells which of its wanted numbers have changed.
 * @return false when more than numbers is different, or a number is one that only who knows the file can judge: then
 * nothing of it is told, and where its numbers are is not known any more.
 */
bool follow_numbers(struct followed *followed, struct bytes before, struct bytes now);

#endif
