/* As whom the process runs: groups, user, capabilities. */
#include "launcher.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has(uint64_t capabilities, int number) { return (capabilities >> number & 1) != 0; }

/** prctl PR_CAPBSET_DROP for each capability that is not asked for, capabilities(7). */
bool drop_bounding_set(const struct instructions *instructions, const char **detail) {
  (void)detail;
  if (!instructions->has_capabilities) return true;
  /* The kernel refuses to read the number behind its last capability. */
  for (int number = 0; number < 64; number++) {
    int is_present = prctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (is_present < 0) break;
    if (is_present == 0 || has(instructions->capabilities, number)) continue;
    if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) return false;
  }
  return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0;
}

/** setgroups(2) and setresgid(2). With a user but no group= there are no supplementary groups. */
bool set_groups(const struct instructions *instructions, const char **detail) {
  (void)detail;
  bool is_changing = instructions->uid != NO_ID || instructions->gid != NO_ID;
  if ((is_changing || instructions->group_count > 0) &&
      setgroups(instructions->group_count, instructions->groups) != 0) {
    return false;
  }
  gid_t gid = instructions->gid;
  return gid == NO_ID || setresgid(gid, gid, gid) == 0;
}

/** setresuid(2). Leaving uid 0 clears the permitted and effective capabilities. */
bool set_user(const struct instructions *instructions, const char **detail) {
  (void)detail;
  uid_t uid = instructions->uid;
  return uid == NO_ID || setresuid(uid, uid, uid) == 0;
}

/**
 * capset(2): for root the set that was asked for, as permitted and effective, as Docker does; nothing for
 * any other user; inheritable always empty (CVE-2022-24769).
 */
bool set_capabilities(const struct instructions *instructions, const char **detail) {
  (void)detail;
  if (!instructions->has_capabilities) return true;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
  if (syscall(SYS_capget, &header, sets) != 0) return false;
  uint64_t wanted = geteuid() == 0 ? instructions->capabilities : 0;
  for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; half++) {
    /* What this process does not have, nobody can give. */
    sets[half].permitted &= (uint32_t)(wanted >> (32 * half));
    sets[half].effective = sets[half].permitted;
    sets[half].inheritable = 0;
  }
  return syscall(SYS_capset, &header, sets) == 0;
}

/** prctl PR_SET_NO_NEW_PRIVS. */
bool forbid_privileges(const struct instructions *instructions, const char **detail) {
  (void)detail;
  return !instructions->no_new_privileges || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}
