/* Makes system calls by number and prints the errno of each: `64:NR:FIRST`, `32:NR:FIRST` (by int $0x80). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static long call_32(long number, long first) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(0), "d"(0), "S"(0), "D"(0) : "memory", "r8", "r9", "r10", "r11");
  return (int)result < 0 && (int)result > -4096 ? -(int)result : 0;
}

int main(int count, char **args) {
  for (int i = 1; i < count; i++) {
    char *rest;
    long abi = strtol(args[i], &rest, 10);
    long number = strtol(rest + 1, &rest, 0);
    long first = *rest == ':' ? (long)strtoul(rest + 1, NULL, 0) : 0;
    long reason = abi == 32 ? call_32(number, first) : syscall(number, first, 0, 0, 0, 0, 0) < 0 ? errno : 0;
    printf("%ld ", reason);
  }
  printf("\n");
  return 0;
}
