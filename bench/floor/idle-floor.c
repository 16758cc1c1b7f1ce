/*
 * The floor of the memory figure: an init that lets the machine idle as long as the container's `sleep` does,
 * prints /proc/meminfo on the console, and powers off. What a kernel has left without any user space.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(void) {
  static char buffer[8192];
  mount("proc", "/proc", "proc", 0, 0);
  sleep(IDLE_SECONDS);
  int meminfo = open("/proc/meminfo", O_RDONLY);
  for (ssize_t length; (length = read(meminfo, buffer, sizeof buffer)) > 0;) {
    if (write(1, buffer, (size_t)length) != length) break;
  }
  reboot(RB_POWER_OFF);
  for (;;) pause();
}
