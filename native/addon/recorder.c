/* A recorder's thread, and JavaScript's side of it. */
#include "recorder.h"
#include "arguments.h"
#include "calls.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* One that is not there is looked for again after so many readings: it costs a system call. */
#define READINGS_BETWEEN_TRIES 60
/* Then a row is full: what is before it can be forgotten. */
#define ROWS_UNTIL_FULL 30
#define MOST_FILE_BYTES (64u << 10)
/* The kernel gives as many whole lines at a time as fit a page (fs/seq_file.c): a shorter answer was the last one. */
#define LEAST_PIECE_BYTES 2048
#define MOST_PERIOD_MS 3600000
#define MOST_KEEP_MS (24ll * 3600 * 1000)

struct recorder {
  struct ring ring;
  char **paths;
  size_t count;
  size_t file_count; /* the first ones are files, the others file systems */
  int *descriptors;  /* of the files; -1: not open */
  struct description description;
  struct reading before, now;
  struct row row;
  int64_t period_ns, keep_us;
  unsigned readings, rows_since_full;
  pthread_mutex_t lock; /* of everything, but while the thread waits */
  pthread_cond_t stopping;
  bool is_stopping;
};

/* What JavaScript holds; the thread frees the recorder. */
struct recorder_handle {
  struct recorder *recorder; /* NULL once it was closed */
};

static int64_t nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int32_t read_file(int descriptor, uint8_t *target, size_t capacity) {
  size_t length = 0;
  for (;;) {
    ssize_t got = pread(descriptor, target + length, capacity - length, (off_t)length);
    if (got < 0) return -errno;
    length += (size_t)got;
    if (got < LEAST_PIECE_BYTES || length == capacity) return (int32_t)length;
  }
}

/* What it names is gone (ENODEV of a cgroup's); what may come in its place is another file. */
static int32_t read_or_close(int *descriptor, uint8_t *target, size_t capacity) {
  if (*descriptor < 0) return -ENOENT;
  int32_t length = read_file(*descriptor, target, capacity);
  if (length >= 0) return length;
  close(*descriptor);
  *descriptor = -1;
  return length;
}

/* statfs(2) as text: type, block size, blocks, free and available ones, inodes, free ones. */
static int32_t read_file_system(const char *path, uint8_t *target, size_t capacity) {
  struct statfs status;
  if (statfs(path, &status) != 0) return -errno;
  int length = snprintf((char *)target, capacity, "%lu %lu %lu %lu %lu %lu %lu\n", (unsigned long)status.f_type,
                        (unsigned long)status.f_bsize, (unsigned long)status.f_blocks,
                        (unsigned long)status.f_bfree, (unsigned long)status.f_bavail,
                        (unsigned long)status.f_files, (unsigned long)status.f_ffree);
  return length < (int)capacity ? length : -EFBIG;
}

static void open_missing(struct recorder *recorder) {
  if (recorder->readings++ % READINGS_BETWEEN_TRIES != 0) return;
  for (size_t index = 0; index < recorder->file_count; index++) {
    int *descriptor = &recorder->descriptors[index];
    if (*descriptor < 0) *descriptor = open(recorder->paths[index], O_RDONLY | O_CLOEXEC);
  }
}

static void read_sources(struct recorder *recorder, struct reading *reading) {
  size_t used = 0;
  reading->monotonic_us = nanoseconds(CLOCK_BOOTTIME) / 1000;
  reading->wall_us = nanoseconds(CLOCK_REALTIME) / 1000;
  for (size_t index = 0; index < recorder->count; index++) {
    size_t room = MOST_TEXT_BYTES - used < MOST_FILE_BYTES ? MOST_TEXT_BYTES - used : MOST_FILE_BYTES;
    uint8_t *target = reading->area + used;
    int32_t length = index < recorder->file_count
                         ? read_or_close(&recorder->descriptors[index], target, room)
                         : read_file_system(recorder->paths[index], target, room);
    reading->texts[index] = (struct text){used, length};
    if (length > 0) used += (size_t)length;
  }
}

/* Under the lock: once it was closed, nothing of it is in use any more, and the ring is another one's. */
static void record(struct recorder *recorder) {
  open_missing(recorder);
  read_sources(recorder, &recorder->now);
  bool is_full = recorder->rows_since_full == 0;
  encode_row(&recorder->row, is_full ? NULL : &recorder->before, &recorder->now, recorder->count,
             &recorder->description);
  bool is_kept = append_row(&recorder->ring, &recorder->row, recorder->keep_us);
  /* What has no room leaves a gap; a full row follows it. */
  recorder->rows_since_full = is_kept ? (recorder->rows_since_full + 1) % ROWS_UNTIL_FULL : 0;
  struct reading before = recorder->before;
  recorder->before = recorder->now;
  recorder->now = before;
}

static void free_recorder(struct recorder *recorder) {
  for (size_t index = 0; recorder->descriptors != NULL && index < recorder->file_count; index++)
    if (recorder->descriptors[index] >= 0) close(recorder->descriptors[index]);
  struct reading *readings[] = {&recorder->before, &recorder->now};
  for (size_t index = 0; index < 2; index++) {
    if (readings[index]->area != NULL) munmap(readings[index]->area, MOST_TEXT_BYTES);
    free(readings[index]->texts);
  }
  if (recorder->row.bytes != NULL) munmap(recorder->row.bytes, MOST_ROW_BYTES);
  unmap_ring(&recorder->ring);
  free_vector(recorder->paths);
  free(recorder->descriptors);
  free((void *)recorder->description.bytes);
  pthread_cond_destroy(&recorder->stopping);
  pthread_mutex_destroy(&recorder->lock);
  free(recorder);
}

/* Until the next multiple of the period, or the end. Under the lock, but for the waiting. */
static void wait_for_turn(struct recorder *recorder) {
  int64_t now = nanoseconds(CLOCK_MONOTONIC);
  int64_t next = (now / recorder->period_ns + 1) * recorder->period_ns;
  struct timespec deadline = {next / 1000000000, next % 1000000000};
  int reason = 0;
  while (!recorder->is_stopping && reason != ETIMEDOUT)
    reason = pthread_cond_timedwait(&recorder->stopping, &recorder->lock, &deadline);
}

static void *run(void *data) {
  struct recorder *recorder = data;
  pthread_mutex_lock(&recorder->lock);
  while (!recorder->is_stopping) {
    wait_for_turn(recorder);
    if (!recorder->is_stopping) record(recorder);
  }
  pthread_mutex_unlock(&recorder->lock);
  free_recorder(recorder);
  return NULL;
}

static uint8_t *reserve(size_t size) {
  void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return area == MAP_FAILED ? NULL : area;
}

static bool reserve_reading(struct reading *reading, size_t count) {
  reading->area = reserve(MOST_TEXT_BYTES);
  reading->texts = calloc(count + 1, sizeof *reading->texts);
  return reading->area != NULL && reading->texts != NULL;
}

/* What the thread uses is there before it runs: malloc(3) in another thread takes an arena of its own. */
static bool reserve_memory(struct recorder *recorder) {
  recorder->descriptors = malloc((recorder->count + 1) * sizeof *recorder->descriptors);
  if (recorder->descriptors == NULL) return false;
  for (size_t index = 0; index < recorder->file_count; index++) recorder->descriptors[index] = -1;
  recorder->row.bytes = reserve(MOST_ROW_BYTES);
  return recorder->row.bytes != NULL && reserve_reading(&recorder->before, recorder->count) &&
         reserve_reading(&recorder->now, recorder->count);
}

static struct recorder *make_recorder(void) {
  struct recorder *recorder = calloc(1, sizeof *recorder);
  if (recorder == NULL) return NULL;
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&recorder->stopping, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&recorder->lock, NULL);
  recorder->ring.file = -1;
  return recorder;
}

static bool read_description(napi_env env, napi_value value, struct description *description) {
  bool is_array = false;
  napi_typedarray_type type = napi_int8_array;
  void *data = NULL;
  size_t length = 0;
  napi_is_typedarray(env, value, &is_array);
  if (is_array) napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL);
  if (!is_array || type != napi_uint8_array || length > MOST_TEXT_BYTES) {
    throw_type_error(env, "description", "a Uint8Array of at most 512 KiB");
    return false;
  }
  uint8_t *copy = malloc(length + 1);
  if (copy == NULL) {
    throw_errno(env, ENOMEM, "malloc", NULL);
    return false;
  }
  if (length > 0) memcpy(copy, data, length);
  *description = (struct description){copy, length};
  return true;
}

static bool read_recorder_arguments(napi_env env, napi_value *argv, struct recorder *recorder, int *file) {
  int64_t file_count, period_ms, keep_ms;
  if (!read_descriptor(env, argv[0], "ring", file)) return false;
  recorder->paths = read_vector(env, argv[1], "paths");
  if (recorder->paths == NULL) return false;
  while (recorder->paths[recorder->count] != NULL) recorder->count++;
  if (!read_integer(env, argv[2], "fileCount", 0, (int64_t)recorder->count, &file_count)) return false;
  if (!read_description(env, argv[3], &recorder->description)) return false;
  if (!read_integer(env, argv[4], "periodMs", 1, MOST_PERIOD_MS, &period_ms)) return false;
  if (!read_integer(env, argv[5], "keepMs", 0, MOST_KEEP_MS, &keep_ms)) return false;
  recorder->file_count = (size_t)file_count;
  recorder->period_ns = period_ms * 1000000;
  recorder->keep_us = keep_ms * 1000;
  return true;
}

static int start(struct recorder *recorder, int file) {
  int reason = map_ring(&recorder->ring, file);
  if (reason != 0) return reason;
  if (!reserve_memory(recorder)) return ENOMEM;
  record(recorder);
  pthread_t thread;
  reason = create_thread(&thread, run, recorder);
  if (reason == 0) pthread_detach(thread);
  return reason;
}

/* Waits for a reading that is under way, but not for the thread. */
static void close_recorder(struct recorder_handle *handle) {
  struct recorder *recorder = handle->recorder;
  if (recorder == NULL) return;
  handle->recorder = NULL;
  pthread_mutex_lock(&recorder->lock);
  recorder->is_stopping = true;
  pthread_cond_signal(&recorder->stopping);
  pthread_mutex_unlock(&recorder->lock);
}

static void drop_handle(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  close_recorder(data);
  free(data);
}

/**
 * Reads sources at once and then at every multiple of a period into a ring, for as long as it is told to: (ring, paths,
 * fileCount, description, periodMs, keepMs) gives a handle. The first `fileCount` paths are of files, the others are of
 * file systems (statfs(2)). One that cannot be read is no error.
 */
napi_value call_open_recorder(napi_env env, napi_callback_info info) {
  ARGUMENTS(6);
  int file;
  napi_value handle = NULL;
  struct recorder *recorder = make_recorder();
  struct recorder_handle *held = calloc(1, sizeof *held);
  if (recorder == NULL || held == NULL) {
    throw_errno(env, ENOMEM, "malloc", NULL);
  } else if (read_recorder_arguments(env, argv, recorder, &file)) {
    int reason = start(recorder, file);
    if (reason != 0) {
      throw_errno(env, reason, "openRecorder", NULL);
    } else {
      held->recorder = recorder;
      if (napi_create_external(env, held, drop_handle, NULL, &handle) == napi_ok) return handle;
      close_recorder(held);
      recorder = NULL;
    }
  }
  free(held);
  if (recorder != NULL) free_recorder(recorder);
  return NULL;
}

struct recorder_handle *read_recorder_handle(napi_env env, napi_value value) {
  void *data;
  if (napi_get_value_external(env, value, &data) == napi_ok) return data;
  throw_type_error(env, "handle", "what openRecorder returned");
  return NULL;
}

const struct reading *borrow_reading(struct recorder_handle *handle, size_t file_count, int64_t after_us) {
  struct recorder *recorder = handle->recorder;
  if (recorder == NULL || recorder->file_count != file_count) return NULL;
  pthread_mutex_lock(&recorder->lock);
  if (recorder->before.monotonic_us > after_us) return &recorder->before;
  pthread_mutex_unlock(&recorder->lock);
  return NULL;
}

void give_back_reading(struct recorder_handle *handle) { pthread_mutex_unlock(&handle->recorder->lock); }

/** A copy of the rows that are kept: (handle) gives a Buffer. */
napi_value call_read_recorder(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct recorder_handle *handle = read_recorder_handle(env, argv[0]);
  if (handle == NULL) return NULL;
  struct recorder *recorder = handle->recorder;
  if (recorder == NULL) return throw_errno(env, EBADF, "recorder", NULL);
  napi_value buffer = NULL;
  pthread_mutex_lock(&recorder->lock);
  struct ring *ring = &recorder->ring;
  uint64_t start = ring->header->start, head = ring->header->head;
  napi_create_buffer_copy(env, head - start, ring->data + start % ring->capacity, NULL, &buffer);
  pthread_mutex_unlock(&recorder->lock);
  return buffer;
}

/** Ends it; the ring's file stays: (handle). Again is fine. */
napi_value call_close_recorder(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct recorder_handle *handle = read_recorder_handle(env, argv[0]);
  if (handle != NULL) close_recorder(handle);
  return NULL;
}
