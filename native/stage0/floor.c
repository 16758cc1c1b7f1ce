/*
 * The benchmark's floor: an init that powers off at once. What a kernel and a hypervisor cost without any
 * user space, which every start-up figure is set against.
 */
#include <sys/reboot.h>
#include <unistd.h>

int main(void) {
  reboot(RB_POWER_OFF);
  for (;;) pause();
}
