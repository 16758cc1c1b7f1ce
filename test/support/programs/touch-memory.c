/* touch-memory MEBIBYTES: touches exactly so much memory, says `touched`, and keeps it until it is ended. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096

int main(int argc, char **argv) {
  /* Also more than there is. */
  size_t length = (size_t)atoi(argc > 1 ? argv[1] : "1") << 20;
  char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return 1;
  for (size_t at = 0; at < length; at += PAGE_BYTES) memory[at] = 1;
  if (write(1, "touched\n", 8) != 8) return 1;
  for (;;) pause();
}
