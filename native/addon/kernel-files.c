/*
 * What statistics are made of: the kernel's small files, which stay open and are read again and again. One call reads
 * them all, because each call from JavaScript costs as much as the reading.
 */
#include "arguments.h"
#include "calls.h"
#include "followed-numbers.h"
#include "recorder.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of one file. Far above what the kernel has to say of a VM's few devices. */
#define MOST_FILE_BYTES (64u << 10)
/* The kernel gives as many whole lines at a time as fit a page (fs/seq_file.c): a shorter answer was the last one. */
#define LEAST_PIECE_BYTES 2048
/* What a recorder has read so shortly ago is fresh enough; it was woken for the same second. */
#define FRESH_US 20000

/* One row of the table `places`. */
enum { OFFSET, CAPACITY, LENGTH, CHANGED, FIRST_NUMBER, NUMBER_COUNT, PLACE_NUMBERS };

struct batch {
  int32_t *descriptors;
  size_t count;
  int32_t *places;
  uint8_t *content;
  double *clocks;
  int32_t *numbers;
  size_t number_count;
  double *values;
  int32_t *changed;
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
    if (place[LENGTH] > place[CAPACITY]) return false;
    if (place[FIRST_NUMBER] < 0 || place[NUMBER_COUNT] < 0) return false;
    if ((size_t)place[FIRST_NUMBER] + (size_t)place[NUMBER_COUNT] > batch->number_count) return false;
  }
  return true;
}

/* A table of the numbers, a value for each, and room to name each once. */
static bool read_numbers(napi_env env, napi_value *argv, struct batch *batch) {
  size_t fields = 0, values = 0, room = 0;
  batch->numbers = read_typed_array(env, argv[0], napi_int32_array, "numbers", &fields);
  if (batch->numbers == NULL) return false;
  batch->values = read_typed_array(env, argv[1], napi_float64_array, "values", &values);
  if (batch->values == NULL) return false;
  batch->changed = read_typed_array(env, argv[2], napi_int32_array, "changed", &room);
  if (batch->changed == NULL) return false;
  batch->number_count = values;
  if (fields == values * NUMBER_FIELDS && room == values + 1) return true;
  throw_type_error(env, "numbers", "three for each value, and room for one more change than there are values");
  return false;
}

static bool read_batch(napi_env env, napi_value *argv, struct batch *batch) {
  size_t place_numbers = 0, content_length = 0, clock_numbers = 0;
  if (!read_numbers(env, argv + 4, batch)) return false;
  batch->descriptors = read_typed_array(env, argv[0], napi_int32_array, "descriptors", &batch->count);
  if (batch->descriptors == NULL) return false;
  batch->places = read_typed_array(env, argv[1], napi_int32_array, "places", &place_numbers);
  if (batch->places == NULL) return false;
  batch->content = read_typed_array(env, argv[2], napi_uint8_array, "content", &content_length);
  if (batch->content == NULL) return false;
  batch->clocks = read_typed_array(env, argv[3], napi_float64_array, "clocks", &clock_numbers);
  if (batch->clocks == NULL) return false;
  if (clock_numbers == 2 && place_numbers == batch->count * PLACE_NUMBERS && fits(batch, content_length)) return true;
  throw_type_error(env, "places", "six numbers for each file, within the content and the numbers");
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

/* Whether all that is different are numbers of which it is known what they are. */
static bool follow(const struct batch *batch, const int32_t *place, struct bytes now) {
  if (place[NUMBER_COUNT] == 0 || place[LENGTH] < 0) return false;
  size_t first = (size_t)place[FIRST_NUMBER];
  struct followed followed = {.rows = batch->numbers + first * NUMBER_FIELDS,
                              .count = (size_t)place[NUMBER_COUNT],
                              .first = first,
                              .values = batch->values,
                              .changed = batch->changed};
  return follow_numbers(&followed, (struct bytes){batch->content + place[OFFSET], (size_t)place[LENGTH]}, now);
}

/* As much of it as its place takes; below zero: it could not be read, or there is no reading. */
static int32_t take_shared(const struct reading *reading, size_t index, int32_t capacity, const uint8_t **bytes) {
  if (reading == NULL) return -1;
  const struct text *text = &reading->texts[index];
  *bytes = reading->area + text->offset;
  return text->length < capacity ? text->length : capacity;
}

/* Whether somebody has to look at it. */
static bool renew(const struct batch *batch, const struct reading *shared, size_t index) {
  uint8_t own[MOST_FILE_BYTES];
  const uint8_t *fresh = own;
  int32_t *place = batch->places + index * PLACE_NUMBERS;
  uint8_t *content = batch->content + place[OFFSET];
  int32_t length = take_shared(shared, index, place[CAPACITY], &fresh);
  if (length < 0) {
    fresh = own;
    length = read_whole(batch->descriptors[index], own, (size_t)place[CAPACITY]);
  }
  bool is_same = length == place[LENGTH] && (length <= 0 || memcmp(fresh, content, (size_t)length) == 0);
  place[CHANGED] = 0;
  if (is_same) return false;
  /* One that fills its place may be longer. */
  bool is_whole = length >= 0 && length < place[CAPACITY];
  place[CHANGED] = !is_whole || !follow(batch, place, (struct bytes){fresh, (size_t)length});
  place[LENGTH] = length;
  if (length > 0) memcpy(content, fresh, (size_t)length);
  return place[CHANGED] != 0;
}

static double microseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e6 + (double)(now.tv_nsec / 1000);
}

/* @return false with an exception; NULL for undefined. */
static bool read_recorder(napi_env env, napi_value value, struct recorder_handle **recorder) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  *recorder = type == napi_undefined ? NULL : read_recorder_handle(env, value);
  return type == napi_undefined || *recorder != NULL;
}

/* One that is older than the batch's own last one would set its clock back. */
static const struct reading *fresh_reading(struct recorder_handle *recorder, const struct batch *batch) {
  if (recorder == NULL) return NULL;
  double fresh = microseconds(CLOCK_BOOTTIME) - FRESH_US;
  return borrow_reading(recorder, batch->count, (int64_t)(fresh > batch->clocks[0] ? fresh : batch->clocks[0]));
}

/**
 * Reads files from their beginning (pread(2)), and before them CLOCK_BOOTTIME and CLOCK_REALTIME in microseconds:
 * (descriptors, places, content, clocks, numbers, values, changed, recorder). A place is six numbers: where the file's bytes are
 * in `content`, how many may be there, how many there are (below zero: -errno), whether somebody has to look at them,
 * and which rows of `numbers` are the file's: the first, and how many. Nobody has to where nothing but numbers is
 * different: those of `numbers` then have their values in `values`, and their indices are in `changed`, behind how many
 * there are. A descriptor below zero is passed over. With a recorder of the same files (or undefined) behind them, what
 * it has read within the last 20 ms is taken, with its time, unless it is older than the clocks say. Returns how many
 * files somebody has to look at.
 */
napi_value call_read_files(napi_env env, napi_callback_info info) {
  ARGUMENTS(8);
  struct batch batch;
  struct recorder_handle *recorder;
  if (!read_batch(env, argv, &batch) || !read_recorder(env, argv[7], &recorder)) return NULL;
  const struct reading *shared = fresh_reading(recorder, &batch);
  batch.clocks[0] = shared == NULL ? microseconds(CLOCK_BOOTTIME) : (double)shared->monotonic_us;
  batch.clocks[1] = shared == NULL ? microseconds(CLOCK_REALTIME) : (double)shared->wall_us;
  batch.changed[0] = 0;
  uint32_t to_look_at = 0;
  for (size_t index = 0; index < batch.count; index++)
    if (batch.descriptors[index] >= 0 && renew(&batch, shared, index)) to_look_at++;
  if (shared != NULL) give_back_reading(recorder);
  napi_value result;
  napi_create_uint32(env, to_look_at, &result);
  return result;
}
