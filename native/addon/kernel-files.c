/*
 * What statistics are made of: the kernel's small files, which stay open and are read again and again. One call reads
 * them all, because each call from JavaScript costs as much as the reading.
 */
#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of one file. Far above what the kernel has to say of a VM's few devices. */
#define MOST_FILE_BYTES (64u << 10)
/* The kernel gives as many whole lines at a time as fit a page (fs/seq_file.c): a shorter answer was the last one. */
#define LEAST_PIECE_BYTES 2048

/* One row of the table `places`. */
enum { OFFSET, CAPACITY, LENGTH, CHANGED, PLACE_NUMBERS };

struct batch {
  int32_t *descriptors;
  size_t count;
  int32_t *places;
  uint8_t *content;
  double *clocks;
};

static void *read_typed_array(napi_env env, napi_value value, napi_typedarray_type wanted, const char *name,
                              size_t *length) {
  bool is_array = false;
  napi_typedarray_type type;
  void *data = NULL;
  napi_is_typedarray(env, value, &is_array);
  if (is_array) napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL);
  if (is_array && type == wanted) return data == NULL ? (void *)"" : data;
  throw_type_error(env, name, "a typed array of the right kind");
  return NULL;
}

static bool fits(const struct batch *batch, size_t content_length) {
  for (size_t index = 0; index < batch->count; index++) {
    const int32_t *place = batch->places + index * PLACE_NUMBERS;
    if (place[OFFSET] < 0 || place[CAPACITY] < 0 || place[CAPACITY] > (int32_t)MOST_FILE_BYTES) return false;
    if ((size_t)place[OFFSET] + (size_t)place[CAPACITY] > content_length) return false;
  }
  return true;
}

static bool read_batch(napi_env env, napi_value *argv, struct batch *batch) {
  size_t place_numbers = 0, content_length = 0, clock_numbers = 0;
  batch->descriptors = read_typed_array(env, argv[0], napi_int32_array, "descriptors", &batch->count);
  if (batch->descriptors == NULL) return false;
  batch->places = read_typed_array(env, argv[1], napi_int32_array, "places", &place_numbers);
  if (batch->places == NULL) return false;
  batch->content = read_typed_array(env, argv[2], napi_uint8_array, "content", &content_length);
  if (batch->content == NULL) return false;
  batch->clocks = read_typed_array(env, argv[3], napi_float64_array, "clocks", &clock_numbers);
  if (batch->clocks == NULL) return false;
  if (clock_numbers == 2 && place_numbers == batch->count * PLACE_NUMBERS && fits(batch, content_length)) return true;
  throw_type_error(env, "places", "four numbers for each file, within the content");
  return false;
}

/* As much as there is, or as fits; below zero: -errno. */
static int32_t read_whole(int descriptor, uint8_t *target, size_t capacity) {
  size_t length = 0;
  for (;;) {
    ssize_t got = pread(descriptor, target + length, capacity - length, (off_t)length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    length += (size_t)got;
    if (got < LEAST_PIECE_BYTES || length == capacity) return (int32_t)length;
  }
}

static void renew(int descriptor, int32_t *place, uint8_t *content) {
  uint8_t fresh[MOST_FILE_BYTES];
  int32_t length = read_whole(descriptor, fresh, (size_t)place[CAPACITY]);
  bool is_same = length == place[LENGTH] && (length <= 0 || memcmp(fresh, content, (size_t)length) == 0);
  place[LENGTH] = length;
  place[CHANGED] = !is_same;
  if (!is_same && length > 0) memcpy(content, fresh, (size_t)length);
}

static double microseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e6 + (double)(now.tv_nsec / 1000);
}

/**
 * Reads files from their beginning (pread(2)), and before them CLOCK_BOOTTIME and CLOCK_REALTIME in microseconds:
 * (descriptors, places, content, clocks). A place is four numbers: where the file's bytes are in `content`, how many
 * may be there, how many there are (below zero: -errno), and whether that is not what was there before. A descriptor
 * below zero is passed over.
 */
napi_value call_read_files(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  struct batch batch;
  if (!read_batch(env, argv, &batch)) return NULL;
  batch.clocks[0] = microseconds(CLOCK_BOOTTIME);
  batch.clocks[1] = microseconds(CLOCK_REALTIME);
  for (size_t index = 0; index < batch.count; index++) {
    int32_t *place = batch.places + index * PLACE_NUMBERS;
    if (batch.descriptors[index] >= 0) renew(batch.descriptors[index], place, batch.content + place[OFFSET]);
  }
  return NULL;
}
