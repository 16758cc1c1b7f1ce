#include "stage0.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static void remove_tree(int directory, dev_t device);

static void remove_entry(int parent, const char *name, dev_t device) {
  struct stat status;
  if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_dev != device) return;
  if (S_ISDIR(status.st_mode)) {
    int inner = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner >= 0) remove_tree(inner, device);
  }
  unlinkat(parent, name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0);
}

/* Takes the descriptor. Stays on one file system, so mount points and what is on them are left. */
static void remove_tree(int directory, dev_t device) {
  DIR *entries = fdopendir(directory);
  if (entries == NULL) {
    close(directory);
    return;
  }
  for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    remove_entry(directory, entry->d_name, device);
  }
  closedir(entries);
}

/*
 * The initramfs's files are memory that nothing could reach any more. Only a file system that lives in
 * memory is emptied: run by mistake on anything else, this must not delete it.
 */
static void free_initramfs(int root) {
  struct statfs kind;
  struct stat status;
  if (fstatfs(root, &kind) != 0 || fstat(root, &status) != 0) return;
  if ((uint32_t)kind.f_type != RAMFS_MAGIC && (uint32_t)kind.f_type != TMPFS_MAGIC) return;
  remove_tree(dup(root), status.st_dev);
}

static void move_mount_into(const char *from, const char *to) {
  if (mount(from, to, NULL, MS_MOVE, NULL) != 0) fail("move %s to %s: %s", from, to, strerror(errno));
}

void switch_root(void) {
  int old_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  move_mount_into("/dev", AGENT_MOUNT "/dev");
  move_mount_into("/proc", AGENT_MOUNT "/proc");
  move_mount_into("/sys", AGENT_MOUNT "/sys");
  /* The agent unpacks its addon there before it has a call to mount anything. */
  if (mount("tmpfs", AGENT_MOUNT "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m") != 0)
    fail("mount /run: %s", strerror(errno));
  if (chdir(AGENT_MOUNT) != 0) fail("%s: %s", AGENT_MOUNT, strerror(errno));
  if (old_root >= 0) free_initramfs(old_root);
  move_mount_into(".", "/");
  if (chroot(".") != 0 || chdir("/") != 0) fail("change root: %s", strerror(errno));
  if (old_root >= 0) close(old_root);
}
