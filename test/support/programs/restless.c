/*
 * restless STEP...: prints numbered lines without a pause, the even ones to standard output and the odd ones to
 * standard error, while a child of it kills PID 1, step by step. Ends with 7 when that is over.
 *
 * A step is `BYTES:SIGNAL`: a kill once so much more was printed since there was an agent that can be killed.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Long enough that it is the agent and not its log, record by record, that is put to the test. */
#define LINES 50
#define LINE 80
#define LAST_BYTES (2 << 20)
#define LOOK_EVERY_US 1000

static _Atomic uint64_t *printed;

static void print_lines(int to, uint64_t *number) {
  char block[LINES * LINE + 1];
  for (int i = 0; i < LINES; i++) sprintf(block + i * LINE, "%0*lu\n", LINE - 1, (unsigned long)(*number)++);
  for (size_t done = 0; done < LINES * LINE;) {
    ssize_t length = write(to, block + done, LINES * LINE - done);
    if (length < 0) exit(3);
    done += (size_t)length;
  }
  *printed += LINES * LINE;
}

/*
 * An agent that was executed anew has none at first: the kernel then ignores what is sent to PID 1. SIGSYS is the last
 * that it handles; SIGSEGV Node has handled before, in a way that PID 1 survives.
 */
static int has_handlers(void) {
  char line[256];
  unsigned long long caught = 0;
  FILE *status = fopen("/proc/1/status", "re");
  while (status != NULL && fgets(line, sizeof line, status) != NULL) sscanf(line, "SigCgt: %llx", &caught);
  if (status != NULL) fclose(status);
  return (caught >> (SIGSYS - 1)) & 1;
}

/* As of the agent's first JavaScript: a program that has just been executed is called as its file. */
static int is_called_tether(void) {
  char name[32] = "";
  FILE *comm = fopen("/proc/1/comm", "re");
  if (comm != NULL && fgets(name, sizeof name, comm) == NULL) name[0] = '\0';
  if (comm != NULL) fclose(comm);
  return strcmp(name, "tether\n") == 0;
}

static void until_printed(uint64_t bytes) {
  while (*printed < bytes) usleep(LOOK_EVERY_US);
}

static void until_handled(void) {
  while (!has_handlers()) usleep(LOOK_EVERY_US);
}

static void until_executed_anew(void) {
  while (is_called_tether()) usleep(LOOK_EVERY_US);
  while (!is_called_tether()) usleep(LOOK_EVERY_US);
}

static void kill_step_by_step(char **steps) {
  for (; *steps != NULL; steps++) {
    int signal = atoi(strchr(*steps, ':') + 1);
    until_handled();
    until_printed(*printed + strtoull(*steps, NULL, 10));
    kill(1, signal);
    until_executed_anew();
  }
  until_handled();
  until_printed(*printed + LAST_BYTES);
}

int main(int count, char **words) {
  (void)count;
  printed = mmap(NULL, sizeof *printed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint64_t output = 0, error_output = 0;
  pid_t killer = fork();
  if (killer == 0) {
    kill_step_by_step(words + 1);
    _exit(0);
  }
  while (waitpid(killer, NULL, WNOHANG) == 0) {
    for (int i = 0; i < 4; i++) print_lines(STDOUT_FILENO, &output);
    print_lines(STDERR_FILENO, &error_output);
  }
  return 7;
}
