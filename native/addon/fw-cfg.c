/*
 * QEMU's fw_cfg device by its I/O ports (QEMU: docs/specs/fw_cfg.rst). The kernel's driver would do, but
 * loading and unloading it takes 75 ms under TCG, a VM that was forked from a template has no module files
 * any more, and what no driver shows needs no hiding from the container.
 */
#include "arguments.h"
#include "calls.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>

#define SELECTOR_PORT 0x510
#define DATA_PORT 0x511
#define PORT_COUNT 2

#define KEY_SIGNATURE 0x0000
#define KEY_DIRECTORY 0x0019

/* More entries or bytes than QEMU ever has are no fw_cfg. */
#define MOST_ENTRIES 1024
#define LARGEST_ITEM (16u << 20)

struct entry {
  uint32_t size; /* big endian, as all of it */
  uint16_t key;
  uint16_t reserved;
  char name[56];
};

static void select_item(uint16_t key) { outw(key, SELECTOR_PORT); }

static void read_data(void *data, size_t length) { insb(DATA_PORT, data, length); }

static bool has_device(void) {
  char signature[4];
  select_item(KEY_SIGNATURE);
  read_data(signature, sizeof signature);
  return memcmp(signature, "QEMU", sizeof signature) == 0;
}

/* Leaves the item selected when it is there. */
static bool find_item(const char *name, size_t *size) {
  uint32_t count;
  struct entry entry;
  select_item(KEY_DIRECTORY);
  read_data(&count, sizeof count);
  count = be32toh(count);
  for (uint32_t i = 0; i < count && i < MOST_ENTRIES; i++) {
    read_data(&entry, sizeof entry);
    entry.name[sizeof entry.name - 1] = '\0';
    if (strcmp(entry.name, name) != 0) continue;
    *size = be32toh(entry.size);
    select_item(be16toh(entry.key));
    return *size <= LARGEST_ITEM;
  }
  return false;
}

/** Reads an item: (name) gives its bytes, or undefined when there is no such item or no fw_cfg. */
napi_value call_read_fw_cfg(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  char *name = read_string(env, argv[0], "name");
  if (name == NULL) return NULL;
  napi_value result = NULL;
  if (ioperm(SELECTOR_PORT, PORT_COUNT, 1) != 0) {
    throw_errno(env, errno, "ioperm", name);
  } else {
    size_t size;
    void *data;
    if (has_device() && find_item(name, &size) &&
        napi_create_buffer(env, size, &data, &result) == napi_ok) {
      read_data(data, size);
    }
    ioperm(SELECTOR_PORT, PORT_COUNT, 0);
  }
  free(name);
  return result;
}
