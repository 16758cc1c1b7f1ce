/*
 * The list of steps from a fresh process to the container's. The order is the content: see each comment.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>

static const struct {
  const char *name;
  step_function *run;
} STEPS[] = {
    /* With the agent's own view of the system: its descriptors, its /proc. */
    {"cgroup", join_cgroup},
    {"oom-score-adj", set_oom_score},
    /* After joining: the cgroup of this moment becomes the namespace's root. */
    {"cgroup-namespace", enter_cgroup_namespace},
    {"mount-namespace", enter_mount_namespace},
    {"session", start_session},
    {"controlling-terminal", take_terminal},
    /* As root still: raising a limit, and making a directory that root shall own. */
    {"rlimit", set_limits},
    {"make-working-directory", make_working_directory},
    /* As root, as Docker does it: an image's directory may be closed to another user who is asked for. */
    {"working-directory", try_directory},
    /* The bounding set first, because it needs CAP_SETPCAP; the groups before the user who may not. */
    {"capabilities", drop_bounding_set},
    {"seccomp", filter_calls_with_privileges},
    {"groups", set_groups},
    {"user", set_user},
    {"capabilities", set_capabilities},
    /* As the user, unless root is there already. */
    {"working-directory", change_directory},
    {"session", set_umask},
    {"no-new-privileges", forbid_privileges},
    {"session", reset_signals},
    {"seccomp", filter_calls_without_privileges},
    {"lookup", find_program},
    {"execute", execute},
};

/* So that none reaches the program or, between fork and execve of a helper, anything else. */
static void mark_close_on_exec(void) {
  for (int descriptor = INSTRUCTIONS_FD; descriptor <= CGROUP_FD; descriptor++) {
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
}

int main(void) {
  struct instructions instructions = {.uid = NO_ID, .gid = NO_ID};
  const char *detail = "";
  mark_close_on_exec();
  if (!read_instructions(&instructions, &detail)) report("instructions", errno, detail);
  for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
    detail = "";
    if (!STEPS[i].run(&instructions, &detail)) report(STEPS[i].name, errno, detail);
  }
  /* The last step does not return. */
  report("execute", EINVAL, "");
}
