/*
 * vmware-emulator [OPTION...] -- PROGRAM [ARGUMENT...]
 *
 *   --keys FOLDER            guestinfo: a file for each key (keys.c)
 *   --log FILE               a line for each RPC: its first bytes
 *   --vendor TEXT            what CPUID's hypervisor leaf says, 12 bytes; VMwareVMware
 *   --cpuid-site PATH:OFFSET where a file's code executes CPUID
 *   --no-high-bandwidth      payloads go 4 bytes at a time
 *   --restricted             only threads with I/O privilege are answered
 *   --silent                 the port answers as one that nobody serves
 *   --fault KIND@N           at the Nth message instruction; KIND as in FAULTS below
 *   --hostile SEED           every answer is random
 *   --init                   the program takes this process's place, as PID 1 of a VM; a child emulates
 *
 * Ends with the program's status, or 128 and its signal; 125 when it could not be run.
 */
#include "emulator.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_RUN 125
#define SIGNALLED 128

struct options options = {.vendor = "VMwareVMware", .has_high_bandwidth = true, .answers_version = true};

static const char *const FAULTS[] = {"checkpoint", "lost", "refuse", "oversize", "short", "wrong-type", "no-reply", "cookie"};

void die(const char *what) {
  fprintf(stderr, "vmware-emulator: %s: %s\n", what, strerror(errno));
  exit(CANNOT_RUN);
}

/* splitmix64. */
uint64_t next_random(void) {
  uint64_t value = (options.seed += 0x9E3779B97F4A7C15u);
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

static void add_site(char *text) {
  char *colon = strrchr(text, ':');
  if (colon == NULL) die(text);
  *colon = '\0';
  options.sites = realloc(options.sites, (options.site_count + 1) * sizeof *options.sites);
  if (options.sites == NULL) die("memory");
  options.sites[options.site_count++] = (struct cpuid_site){text, strtoull(colon + 1, NULL, 0)};
}

static void add_fault(char *text) {
  char *at = strchr(text, '@');
  if (at == NULL) die(text);
  *at = '\0';
  for (size_t kind = 0; kind < sizeof FAULTS / sizeof FAULTS[0]; kind++) {
    if (strcmp(FAULTS[kind], text) != 0) continue;
    options.faults = realloc(options.faults, (options.fault_count + 1) * sizeof *options.faults);
    if (options.faults == NULL) die("memory");
    options.faults[options.fault_count++] = (struct fault){(enum fault_kind)kind, strtoull(at + 1, NULL, 10)};
    return;
  }
  die(text);
}

static void read_options(int argc, char **argv) {
  static const struct option LONG[] = {
      {"keys", required_argument, NULL, 'k'},       {"log", required_argument, NULL, 'l'},
      {"vendor", required_argument, NULL, 'v'},     {"cpuid-site", required_argument, NULL, 'c'},
      {"no-high-bandwidth", no_argument, NULL, 'n'}, {"restricted", no_argument, NULL, 'r'},
      {"silent", no_argument, NULL, 's'},           {"fault", required_argument, NULL, 'f'},
      {"hostile", required_argument, NULL, 'h'},    {"init", no_argument, NULL, 'i'},
      {NULL, 0, NULL, 0},
  };
  for (int option; (option = getopt_long(argc, argv, "+", LONG, NULL)) != -1;) {
    if (option == 'k') options.keys = optarg;
    else if (option == 'l') options.log = optarg;
    else if (option == 'v') options.vendor = optarg;
    else if (option == 'c') add_site(optarg);
    else if (option == 'n') options.has_high_bandwidth = false;
    else if (option == 'r') options.is_restricted = true;
    else if (option == 's') options.answers_version = false;
    else if (option == 'i') options.is_init = true;
    else if (option == 'f') add_fault(optarg);
    else if (option == 'h') {
      options.is_hostile = true;
      options.seed = strtoull(optarg, NULL, 0);
    } else exit(CANNOT_RUN);
  }
  errno = EINVAL;
  if (options.keys == NULL || optind == argc) die("--keys and a program");
  if (strlen(options.vendor) != 12) die("--vendor");
}

/* Waits for its tracer, then becomes the program. */
static void become(char **program, const int ready[2]) {
  char go;
  close(ready[1]);
  if (read(ready[0], &go, 1) != 1) _exit(CANNOT_RUN);
  close(ready[0]);
  install_filter();
  execvp(program[0], program);
  die(program[0]);
}

static int trace(pid_t program, const int ready[2]) {
  close(ready[0]);
  const long events = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                      PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SEIZE, program, NULL, events) != 0) die("ptrace");
  if (write(ready[1], "", 1) != 1) die("write");
  close(ready[1]);
  /* Ctrl-C is the program's. */
  signal(SIGINT, SIG_IGN);
  return trace_program(program);
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  int ready[2];
  const pid_t self = getpid();
  if (pipe(ready) != 0) die("pipe");
  const pid_t child = fork();
  if (child < 0) die("fork");
  if ((child == 0) != options.is_init) become(argv + optind, ready);
  const int status = trace(options.is_init ? self : child, ready);
  return WIFSIGNALED(status) ? SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}
