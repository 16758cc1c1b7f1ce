#include "stage0.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* 7e7be200-0000-4000-8000-"tether": the builder of the agent image writes the same UUID. */
static const uint8_t AGENT_UUID[UUID_LENGTH] = {0x7e, 0x7b, 0xe2, 0x00, 0x00, 0x00, 0x40, 0x00,
                                                0x80, 0x00, 0x74, 0x65, 0x74, 0x68, 0x65, 0x72};

static const struct {
  const char *type, *target;
  unsigned long flags;
} MOUNTS[] = {
    {"devtmpfs", "/dev", MS_NOSUID},
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC},
};

static void mount_kernel_file_systems(void) {
  for (size_t i = 0; i < sizeof MOUNTS / sizeof MOUNTS[0]; i++) {
    mkdir(MOUNTS[i].target, 0755);
    int result = mount(MOUNTS[i].type, MOUNTS[i].target, MOUNTS[i].type, MOUNTS[i].flags, NULL);
    /* The kernel may have mounted /dev itself (CONFIG_DEVTMPFS_MOUNT). */
    if (result != 0 && errno != EBUSY) fail("mount %s: %s", MOUNTS[i].target, strerror(errno));
    /* As soon as there is a console, so that what fails next can be said. */
    if (i == 0) open_console();
  }
}

static _Noreturn void run_agent(void) {
  char elapsed[64];
  char *args[] = {"tether", NULL};
  /*
   * One thread compiles what the agent does often; the four of Node's default take memory, and turns from it.
   * One malloc arena for all threads: one for each takes 0.8 MiB. No thread that waits for the signal which opens
   * Node's debugger: it takes memory, and that signal is none that the container's root may use.
   */
  char *environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
                         "NODE_OPTIONS=--v8-pool-size=1 --disable-sigusr1", "MALLOC_ARENA_MAX=1", elapsed, NULL};
  say("running /tether");
  snprintf(elapsed, sizeof elapsed, "TETHER_STAGE0_MS=%lld", (long long)boot_ms());
  execve("/tether", args, environment);
  fail("run /tether: %s", strerror(errno));
}

int main(void) {
  struct options options = {0};
  memcpy(options.agent, AGENT_UUID, sizeof options.agent);
  mount_kernel_file_systems();
  read_options(&options);
  if (options.debug) print_timings();
  say("started");
  /* Before the modules, so that no device that they bring is missed. */
  int events = open_events();
  load_list("always");
  coldplug();
  mount_agent_image(&options, events);
  if (options.profile) stop_read_ahead();
  else if (!options.no_prefetch) prefetch_agent();
  switch_root();
  run_agent();
}
