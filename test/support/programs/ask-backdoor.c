/*
 * ask-backdoor KEY...: asks VMware for each key from user mode, without any right and without a library, and prints
 * `KEY: REPLY`. What a container's process can do on VMware.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct registers {
  uint64_t bx, cx, dx, si, di;
};

static uint32_t id, cookie_high, cookie_low;

/* One exchange of open-vm-tools' lib/message, at low bandwidth; gives the status. */
static uint32_t exchange(uint32_t type, uint32_t value, struct registers *r) {
  uint64_t ax = 0x564D5868;
  *r = (struct registers){value, 30 | type << 16, 0x5658 | id << 16, cookie_high, cookie_low};
  __asm__ volatile("inl %%dx, %%eax" : "+a"(ax), "+b"(r->bx), "+c"(r->cx), "+d"(r->dx), "+S"(r->si), "+D"(r->di));
  return (r->cx >> 16) & 0xFFFF;
}

static int ask(const char *key) {
  static char reply[1 << 17];
  char request[256] = "info-get ";
  struct registers r;
  strncat(request, key, sizeof request - 16);
  const size_t length = strlen(request);
  if (!(exchange(1, length, &r) & 1)) return 1;
  for (size_t at = 0; at < length; at += 4) {
    uint32_t word;
    memcpy(&word, request + at, 4);
    if (!(exchange(2, word, &r) & 1)) return 2;
  }
  if (!(exchange(3, 0, &r) & 2) || r.bx >= sizeof reply) return 3;
  const size_t size = r.bx;
  for (size_t at = 0; at < size; at += 4) {
    if (!(exchange(4, 1, &r) & 1)) return 4;
    memcpy(reply + at, &r.bx, 4);
  }
  exchange(5, 1, &r);
  printf("%s: %.*s\n", key, (int)size, reply);
  return 0;
}

int main(int argc, char **argv) {
  struct registers r;
  if (!(exchange(0, 0xC9435052, &r) & 1)) return 10;
  id = (r.dx >> 16) & 0xFFFF;
  cookie_high = (uint32_t)r.si;
  cookie_low = (uint32_t)r.di;
  for (int i = 1; i < argc; i++) {
    const int failure = ask(argv[i]);
    if (failure != 0) return failure;
  }
  return 0;
}
