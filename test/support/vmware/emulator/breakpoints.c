/*
 * CPUID, answered at breakpoints (int3): few processors can be told to fault there (arch_prctl(2),
 * ARCH_SET_CPUID). Only in memory; the program's file stays as it is.
 */
#include "emulator.h"

#include <cpuid.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#define INT3 0xCC
#define CPUID_FIRST 0x0F
#define CPUID_SECOND 0xA2

#define HYPERVISOR_PRESENT (1u << 31)
#define HYPERVISOR_LEAF 0x40000000u
#define LAST_HYPERVISOR_LEAF 0x40000010u

/* Writes where nobody may write: into code. */
static void poke(pid_t tid, uint64_t address, unsigned char byte) {
  errno = 0;
  long word = ptrace(PTRACE_PEEKTEXT, tid, (void *)address, NULL);
  if (errno != 0) return;
  ptrace(PTRACE_POKETEXT, tid, (void *)address, (void *)((word & ~0xFFL) | byte));
}

static void set_breakpoint(pid_t tid, uint64_t address) {
  unsigned char code[2];
  if (!read_memory(tid, address, code, sizeof code)) return;
  if (code[0] == CPUID_FIRST && code[1] == CPUID_SECOND) poke(tid, address, INT3);
}

void set_breakpoints(pid_t tid) {
  char name[64], line[PATH_MAX + 128], path[PATH_MAX + 1];
  snprintf(name, sizeof name, "/proc/%d/maps", tid);
  FILE *maps = fopen(name, "re");
  if (maps == NULL) return;
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long start, end, offset;
    char permissions[5];
    path[0] = '\0';
    if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %[^\n]", &start, &end, permissions, &offset, path) < 4) continue;
    if (permissions[2] != 'x') continue;
    for (size_t i = 0; i < options.site_count; i++) {
      const struct cpuid_site *site = &options.sites[i];
      if (strcmp(site->path, path) != 0) continue;
      if (site->offset >= offset && site->offset < offset + (end - start)) {
        set_breakpoint(tid, start + (site->offset - offset));
      }
    }
  }
  fclose(maps);
}

bool is_breakpoint(pid_t tid, uint64_t address) {
  unsigned char code[2];
  return options.site_count > 0 && read_memory(tid, address, code, sizeof code) && code[0] == INT3 &&
         code[1] == CPUID_SECOND;
}

void answer_cpuid(struct user_regs_struct *registers) {
  const uint32_t leaf = (uint32_t)registers->rax;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (leaf < HYPERVISOR_LEAF || leaf > LAST_HYPERVISOR_LEAF) {
    __cpuid_count(leaf, (uint32_t)registers->rcx, a, b, c, d);
    if (leaf == 1) c |= HYPERVISOR_PRESENT;
  } else if (leaf == HYPERVISOR_LEAF) {
    a = LAST_HYPERVISOR_LEAF;
    memcpy(&b, options.vendor, sizeof b);
    memcpy(&c, options.vendor + 4, sizeof c);
    memcpy(&d, options.vendor + 8, sizeof d);
  }
  registers->rax = a;
  registers->rbx = b;
  registers->rcx = c;
  registers->rdx = d;
}
