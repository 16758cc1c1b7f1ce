/*
 * hostile SEED TIMES: executes the backdoor's instructions with registers that are often nonsense, with buffers that
 * are not there, and with channels of its own making. Faults are its own to survive.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static sigjmp_buf back;
static uint64_t state;
static char memory[1 << 17];

static void on_fault(int signal) {
  (void)signal;
  siglongjmp(back, 1);
}

static uint64_t any(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/* Mostly a value that leads further. */
static uint64_t one_of(uint64_t a, uint64_t b, uint64_t c) {
  const uint64_t choice = any() % 8;
  return choice < 3 ? a : choice < 5 ? b : choice < 7 ? c : any();
}

static uint64_t si, di, dx;

static void message(void) {
  uint64_t a = one_of(0x564D5868, 0x564D5868, 0x564D5868), d = one_of(0x5658 | dx << 16, 0x5658, 0x5658 | any() << 16);
  uint64_t b = one_of(0xC9435052, any() & 0x1FFFF, 1), c = 30 | (any() % 9) << 16;
  uint64_t s = one_of(si, si, any()), e = one_of(di, di, any());
  __asm__ volatile("inl %%dx, %%eax" : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(s), "+D"(e) : : "memory");
  if ((any() & 3) == 0) {
    si = s;
    di = e;
    dx = (d >> 16) & 0xFFFF;
  }
}

static void transfer(void) {
  uint64_t a = 0x564D5868, b = one_of(0x10000, 0x10000, any()), c = one_of(any() % sizeof memory, any() % 64, any());
  uint64_t d = one_of(0x5659 | dx << 16, 0x5659, any());
  uint64_t s = one_of((uintptr_t)memory, si, any()), e = one_of((uintptr_t)memory, di, any());
  if (any() & 1) __asm__ volatile("cld; rep insb" : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(s), "+D"(e) : : "memory");
  else __asm__ volatile("cld; rep outsb" : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(s), "+D"(e) : : "memory");
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  state = strtoull(argv[1], NULL, 10) * 2 + 1;
  struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
  sigaction(SIGSEGV, &action, NULL);
  for (volatile long left = atol(argv[2]); left > 0; left--) {
    if (sigsetjmp(back, 1) != 0) continue;
    if (any() & 3) message();
    else transfer();
  }
  puts("done");
  return 0;
}
