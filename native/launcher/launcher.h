/*
 * tether-exec: turns itself into the container's process. What its files share.
 *
 * Descriptors at the start: 0 to 2 the process's own, and those below. An absent one of 5 and 6 leaves its
 * step out, so that the launcher works as an ordinary program as well.
 */
#ifndef TETHER_LAUNCHER_H
#define TETHER_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <linux/filter.h>

#define INSTRUCTIONS_FD 3
#define REPORT_FD 4
#define MOUNT_NAMESPACE_FD 5
#define CGROUP_FD 6

/* The exit status that a shell and Docker give a command that was not found, or could not be started. */
#define EXIT_NOT_FOUND 127
#define EXIT_NOT_STARTED 126

#define NO_ID ((uint32_t)-1)

struct limit {
  const char *text; /* NAME:SOFT:HARD as it was given */
  int resource;
  struct rlimit value;
};

/* What the agent asks for; see instructions.c for the text form. Strings point into its buffer. */
struct instructions {
  char **args;         /* NULL-terminated, at least one */
  char **environment;  /* NULL-terminated */
  const char *cwd;     /* NULL: stay */
  bool make_cwd;
  uint32_t uid, gid;   /* NO_ID: keep */
  gid_t *groups;
  size_t group_count;
  struct limit *limits;
  size_t limit_count;
  bool tty;
  bool has_umask;
  mode_t umask;
  bool has_capabilities;
  uint64_t capabilities;
  bool no_new_privileges;
  bool seccomp;        /* Docker's default profile, for these capabilities; or the program */
  struct sock_filter *program; /* NULL: Docker's */
  size_t program_length;
  const char *oom_score_adj; /* NULL: keep */
  bool cgroup_namespace;
};

/**
 * One thing done on the way to execve. Returns false with errno set and, where it says more, `*detail`.
 */
typedef bool step_function(const struct instructions *instructions, const char **detail);

/** Reads INSTRUCTIONS_FD to its end and parses it. Everything it allocates lives until execve. */
bool read_instructions(struct instructions *instructions, const char **detail);

/** The RLIMIT_ constant of a name as prlimit(1) has it (nofile, core …), -1 when unknown. */
int find_resource(const char *name, size_t length);

/** The number of a `CAP_` name of capabilities(7), -1 when unknown. */
int find_capability(const char *name, size_t length);

/* surroundings.c: where the process runs. */
step_function join_cgroup;
step_function set_oom_score;
step_function enter_cgroup_namespace;
step_function enter_mount_namespace;
step_function make_working_directory;
step_function try_directory;
step_function change_directory;

/* session.c: what it runs under. */
step_function start_session;
step_function take_terminal;
step_function set_limits;
step_function set_umask;
step_function reset_signals;

/* identity.c: as whom it runs. */
step_function drop_bounding_set;
step_function set_groups;
step_function set_user;
step_function set_capabilities;
step_function forbid_privileges;

/* seccomp.c: which system calls it may make. At most one of the two does anything. */
step_function filter_calls_with_privileges;
step_function filter_calls_without_privileges;

/* program.c: what it runs. */
step_function find_program;
step_function execute;

/** True when a descriptor is open, whatever it is. */
bool is_open(int descriptor);

/**
 * Writes one record `step NUL number NUL name NUL detail NUL` to REPORT_FD (nothing when it is not open)
 * and exits: EXIT_NOT_FOUND when the program does not exist, else EXIT_NOT_STARTED.
 */
_Noreturn void report(const char *step, int number, const char *detail);

#endif
