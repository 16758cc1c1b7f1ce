#include "stage0.h"

#include <string.h>
#include <unistd.h>

/* struct erofs_super_block, fs/erofs/erofs_fs.h of Linux 6.1. */
#define EROFS_OFFSET 1024
#define EROFS_MAGIC 0xE0F5E1E2u
#define EROFS_UUID_OFFSET 48

/* The first volume descriptor is in sector 16, of 2,048 bytes; its type is one byte before the name. */
#define ISO_NAME_OFFSET (16 * 2048 + 1)

bool is_agent_image(int file, const uint8_t uuid[UUID_LENGTH]) {
  uint8_t block[EROFS_UUID_OFFSET + UUID_LENGTH];
  if (pread(file, block, sizeof block, EROFS_OFFSET) != (ssize_t)sizeof block) return false;
  uint32_t magic =
      block[0] | (uint32_t)block[1] << 8 | (uint32_t)block[2] << 16 | (uint32_t)block[3] << 24;
  return magic == EROFS_MAGIC && memcmp(block + EROFS_UUID_OFFSET, uuid, UUID_LENGTH) == 0;
}

bool is_iso(int file) {
  char name[5];
  return pread(file, name, sizeof name, ISO_NAME_OFFSET) == (ssize_t)sizeof name &&
         memcmp(name, "CD001", sizeof name) == 0;
}
