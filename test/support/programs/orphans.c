/*
 * orphans PER-SECOND SECONDS: makes so many orphans of PID 1, a tenth of a second's at a time, while a child of it looks
 * for zombies. Prints how many orphans there were in how many milliseconds, how often it was looked, and how many
 * were zombies at two looks, between which there are 100 ms.
 */
#include <dirent.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BETWEEN_LOOKS_MS 100
/* The kernel's pid_max for up to 32 CPUs. */
#define LARGEST_PID 32768

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_until(int64_t ms) {
  struct timespec moment = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL) != 0) continue;
}

/* Their parent ends at once, and they either before or after it. */
static void make_orphans(int count) {
  pid_t parent = fork();
  if (parent < 0) exit(3);
  if (parent == 0) {
    for (int i = 0; i < count; i++) {
      pid_t orphan = fork();
      if (orphan < 0) _exit(3);
      if (orphan == 0) _exit(0);
    }
    _exit(0);
  }
  int status;
  waitpid(parent, &status, 0);
  if (status != 0) exit(4);
}

static int is_zombie(const char *pid) {
  char path[300], text[300];
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  char *name_end = strrchr(text, ')');
  return name_end != NULL && name_end[2] == 'Z';
}

/* Bit 0 of a pid: it is a zombie now; bit 1: it was at the look before. @return how many were at both. */
static int look(unsigned char *seen) {
  int again = 0;
  for (int pid = 0; pid <= LARGEST_PID; pid++) seen[pid] = (unsigned char)(seen[pid] << 1 & 2);
  DIR *folder = opendir("/proc");
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    int pid = atoi(entry->d_name);
    if (pid <= 1 || pid > LARGEST_PID || !is_zombie(entry->d_name)) continue;
    if (seen[pid] != 0) again++;
    seen[pid] |= 1;
  }
  closedir(folder);
  return again;
}

static int has_ended(int pipe) {
  struct pollfd end = {.fd = pipe};
  return poll(&end, 1, 0) > 0;
}

/* Until the end of `until`, and once more. */
static void keep_looking(int until) {
  static unsigned char seen[LARGEST_PID + 1];
  int again = 0, looks = 0;
  for (int is_over = 0;; is_over = has_ended(until)) {
    again += look(seen);
    looks++;
    if (is_over) break;
    wait_until(now_ms() + BETWEEN_LOOKS_MS);
  }
  printf("%d looks, %d zombies twice\n", looks, again);
}

int main(int count, char **words) {
  (void)count;
  int ends[2];
  if (pipe(ends) != 0) return 1;
  pid_t looking = fork();
  if (looking == 0) {
    close(ends[1]);
    keep_looking(ends[0]);
    return 0;
  }
  int each = atoi(words[1]) / 10, made = 0;
  int64_t begin = now_ms(), end = begin + atoi(words[2]) * 1000;
  for (int64_t next = begin; next < end; next += 100) {
    wait_until(next);
    make_orphans(each);
    made += each;
  }
  printf("%d orphans in %ld ms, ", made, (long)(now_ms() - begin));
  fflush(stdout);
  close(ends[1]);
  waitpid(looking, NULL, 0);
  return 0;
}
