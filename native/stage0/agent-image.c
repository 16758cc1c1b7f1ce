/* Finding the agent image among the block devices. */
#include "stage0.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"

/* Disks that appear late (a SCSI bus scan, a slow cluster) get this long. */
#define SEARCH_LIMIT_MS 30000

/* A medium can become readable without an event; then it is found this much later. */
#define LOOK_AGAIN_MS 1000

#define ISO_MOUNT "/iso"
#define IMAGE_ON_ISO ISO_MOUNT "/boot/agent.erofs"

/* One look at all devices: what for, and what was seen. */
struct search {
  const struct options *options;
  bool found;
  bool wants_iso; /* second pass: ISO media */
  char seen[256];     /* names for the error line */
  char writable[256]; /* of those, the ones that hold an image and were refused */
};

/* Devices that never hold the image; opening a floppy drive takes seconds. */
static bool is_ignored(const char *name) {
  static const char *const PREFIXES[] = {"loop", "ram", "zram", "fd", "nbd", "dm-", "md"};
  for (size_t i = 0; i < sizeof PREFIXES / sizeof PREFIXES[0]; i++) {
    if (strncmp(name, PREFIXES[i], strlen(PREFIXES[i])) == 0) return true;
  }
  return false;
}

/*
 * Only what the container cannot write is executed: a disk that the hypervisor made read-only, or an
 * optical drive. Otherwise a container with access to its own disk could plant an agent for the next boot.
 */
static bool is_read_only(const char *name) {
  if (strncmp(name, "sr", 2) == 0) return true;
  char path[PATH_ROOM];
  snprintf(path, sizeof path, "/sys/class/block/%s/ro", name);
  char *text = read_text(path);
  bool result = text != NULL && *text == '1';
  free(text);
  return result;
}

static bool mount_erofs(const char *device) {
  mkdir(AGENT_MOUNT, 0755);
  if (mount(device, AGENT_MOUNT, "erofs", MS_RDONLY | MS_NODEV | MS_NOSUID, NULL) == 0) return true;
  say("mount the agent image on %s: %s", device, strerror(errno));
  return false;
}

/* The ISO's own mount goes again: the loop device keeps the file, and the file its file system. */
static bool mount_from_iso(const char *device, const struct options *options) {
  char loop[PATH_ROOM];
  load_list("on-demand/iso");
  mkdir(ISO_MOUNT, 0755);
  if (mount(device, ISO_MOUNT, "iso9660", MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL) != 0) {
    say("mount %s: %s", device, strerror(errno));
    return false;
  }
  bool done = false;
  int file = open(IMAGE_ON_ISO, O_RDONLY | O_CLOEXEC);
  if (file >= 0 && is_agent_image(file, options->agent)) {
    int device_fd = attach_loop(file, loop, sizeof loop);
    if (device_fd < 0) say("loop device for %s: %s", IMAGE_ON_ISO, strerror(errno));
    done = device_fd >= 0 && mount_erofs(loop);
    /* After the mount: a loop device that nothing holds detaches itself. */
    if (device_fd >= 0) close(device_fd);
  }
  if (file >= 0) close(file);
  umount2(ISO_MOUNT, MNT_DETACH);
  return done;
}

static void note(char (*names)[256], const char *name) {
  size_t used = strlen(*names);
  snprintf(*names + used, sizeof *names - used, "%s%s", used == 0 ? "" : ", ", name);
}

static void try_device(struct search *search, const char *name, int file) {
  char path[PATH_ROOM];
  snprintf(path, sizeof path, "/dev/%s", name);
  bool is_candidate =
      search->wants_iso ? is_iso(file) : is_agent_image(file, search->options->agent);
  if (!is_candidate) return;
  if (!is_read_only(name)) {
    note(&search->writable, name);
    return;
  }
  search->found = search->wants_iso ? mount_from_iso(path, search->options) : mount_erofs(path);
  if (search->found) say_detail("agent image on %s", name);
}

static void visit(const char *name, void *context) {
  struct search *search = context;
  char path[PATH_ROOM];
  if (search->found || is_ignored(name)) return;
  if ((size_t)snprintf(path, sizeof path, "/dev/%s", name) >= sizeof path) return;
  /* Without O_NONBLOCK an empty drive is ENOMEDIUM, which is right here. */
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (!search->wants_iso) note(&search->seen, name);
  if (file < 0) return;
  try_device(search, name, file);
  close(file);
}

static bool look(struct search *search) {
  search->seen[0] = search->writable[0] = '\0';
  search->wants_iso = false;
  for_each_entry("/sys/class/block", visit, search);
  search->wants_iso = true;
  if (!search->found) for_each_entry("/sys/class/block", visit, search);
  return search->found;
}

static _Noreturn void give_up(const struct search *search) {
  const int seconds = SEARCH_LIMIT_MS / 1000;
  if (search->writable[0] != '\0') {
    fail("no agent image: %s holds one, but is not read-only (waited %d s)", search->writable, seconds);
  }
  if (search->seen[0] == '\0') fail("no agent image: no block device appeared in %d s", seconds);
  fail("no agent image: none of %s holds one (waited %d s)", search->seen, seconds);
}

void mount_agent_image(const struct options *options, int events) {
  struct search search = {.options = options};
  int64_t until = boot_ms() + SEARCH_LIMIT_MS;
  while (!look(&search)) {
    int64_t rest = until - boot_ms();
    if (rest <= 0) give_up(&search);
    wait_for_events(events, rest < LOOK_AGAIN_MS ? (int)rest : LOOK_AGAIN_MS);
    coldplug();
  }
  close(events);
}
