/*
 * The agent's place in an agent image that makes a VM look like one of VMware's: mounts the disk with guestinfo's keys
 * and executes the emulator, with the arguments in /emulator-arguments, a line each, which executes the agent as PID 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEYS "/run/guestinfo"
#define DISK "/dev/vdc"
#define MOST_ARGUMENTS 64

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  char *arguments[MOST_ARGUMENTS + 1] = {"/emulator", "--init", "--keys=" KEYS};
  char line[256];
  int count = 3;
  if (mkdir(KEYS, 0700) != 0 || mount(DISK, KEYS, "ext4", 0, NULL) != 0) fail(DISK);
  FILE *file = fopen("/emulator-arguments", "re");
  if (file == NULL) fail("/emulator-arguments");
  while (count < MOST_ARGUMENTS && fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    arguments[count++] = strdup(line);
  }
  for (int i = 1; i < argc && count < MOST_ARGUMENTS; i++) arguments[count++] = argv[i];
  execv(arguments[0], arguments);
  fail(arguments[0]);
}
