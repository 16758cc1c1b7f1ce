#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int attach_loop(int file, char *path, size_t path_room) {
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return -1;
  int number = ioctl(control, LOOP_CTL_GET_FREE);
  close(control);
  if (number < 0) return -1;

  snprintf(path, path_room, "/dev/loop%d", number);
  int device = open(path, O_RDONLY | O_CLOEXEC);
  if (device < 0) return -1;
  struct loop_config config = {
      .fd = (unsigned)file, .info = {.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR}};
  if (ioctl(device, LOOP_CONFIGURE, &config) == 0) return device;
  int reason = errno;
  close(device);
  errno = reason;
  return -1;
}
