#include "emulator.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

size_t read_some_memory(pid_t tid, uint64_t address, void *data, size_t size) {
  struct iovec local = {data, size};
  struct iovec remote = {(void *)(uintptr_t)address, size};
  ssize_t count = process_vm_readv(tid, &local, 1, &remote, 1, 0);
  return count < 0 ? 0 : (size_t)count;
}

bool read_memory(pid_t tid, uint64_t address, void *data, size_t size) {
  return read_some_memory(tid, address, data, size) == size;
}

bool write_memory(pid_t tid, uint64_t address, const void *data, size_t size) {
  struct iovec local = {(void *)(uintptr_t)data, size};
  struct iovec remote = {(void *)(uintptr_t)address, size};
  return process_vm_writev(tid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}
