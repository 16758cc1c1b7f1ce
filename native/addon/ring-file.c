#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x31474e5252485454u /* TTHRRNG1 */
#define PAGE 4096u

int make_ring_file(uint64_t capacity) {
  struct ring_header header = {.magic = MAGIC, .capacity = capacity, .limit = UINT64_MAX};
  int file = memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return -1;
  /* Of a fixed size, so that no access can fail with SIGBUS. */
  if (ftruncate(file, (off_t)(PAGE + capacity)) == 0 && write(file, &header, sizeof header) == sizeof header &&
      fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
    return file;
  }
  int reason = errno;
  close(file);
  errno = reason;
  return -1;
}

static int check(const struct ring_header *header, uint64_t size) {
  if (header->magic != MAGIC || header->capacity == 0 || header->capacity % PAGE != 0) return EINVAL;
  if (header->capacity + PAGE != size) return EINVAL;
  uint64_t start = header->start, head = header->head;
  return start <= head && head - start <= header->capacity ? 0 : EINVAL;
}

/* Two views of the same bytes in one reservation of addresses. */
static int map_twice(struct ring *ring) {
  size_t size = ring->capacity;
  uint8_t *place = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return errno;
  ring->data = place;
  for (int view = 0; view < 2; view++) {
    void *mapped = mmap(place + (size_t)view * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                        ring->file, PAGE);
    if (mapped == MAP_FAILED) return errno;
  }
  return 0;
}

int map_ring(struct ring *ring, int file) {
  struct stat status;
  ring->file = fcntl(file, F_DUPFD_CLOEXEC, 3);
  if (ring->file < 0 || fstat(ring->file, &status) != 0) return errno;
  if (status.st_size <= (off_t)PAGE) return EINVAL;
  void *header = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring->file, 0);
  if (header == MAP_FAILED) return errno;
  ring->header = header;
  int reason = check(ring->header, (uint64_t)status.st_size);
  if (reason != 0) return reason;
  ring->capacity = ring->header->capacity;
  return map_twice(ring);
}

void unmap_ring(struct ring *ring) {
  if (ring->data != NULL) munmap(ring->data, 2 * ring->capacity);
  if (ring->header != NULL) munmap(ring->header, PAGE);
  if (ring->file >= 0) close(ring->file);
  ring->data = NULL;
  ring->header = NULL;
  ring->file = -1;
}
