/*
 * orphans PER-SECOND SECONDS: makes so many orphans of PID 1, a tenth of a second's at a time, while a child of it looks
 * for zombies. Prints how many orphans there were in how many milliseconds, how often it was looked, and the longest
 * time for which one was seen to be a zombie.
 *
 * An orphan shares its parent's memory: copying page tables took an emulated processor most of what an orphan costs.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BETWEEN_LOOKS_MS 25
/* The kernel's pid_max for up to 32 CPUs. It is not reached, so that whatever is made later has a higher pid. */
#define LARGEST_PID 32768

#define MOST_AT_ONCE 1000
#define STACK_BYTES 2048

static char stacks[MOST_AT_ONCE][STACK_BYTES] __attribute__((aligned(16)));

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_until(int64_t ms) {
  struct timespec moment = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL) != 0) continue;
}

/* Not clock_nanosleep(3): what is libc's own belongs to the parent. */
static int live(void *milliseconds) {
  struct timespec time = {.tv_nsec = (long)(intptr_t)milliseconds * 1000000};
  if (time.tv_nsec > 0) syscall(SYS_nanosleep, &time, NULL);
  return 0;
}

/* Every second one ends at once, as a rule before its parent; the others live on, and PID 1 is their parent then. */
static void make_orphans(int count) {
  pid_t parent = fork();
  if (parent < 0) exit(3);
  if (parent == 0) {
    for (int i = 0; i < count; i++) {
      void *milliseconds = (void *)(intptr_t)(i % 2 * 60);
      if (clone(live, stacks[i] + STACK_BYTES, CLONE_VM | SIGCHLD, milliseconds) < 0) _exit(3);
    }
    _exit(0);
  }
  int status;
  waitpid(parent, &status, 0);
  if (status != 0) exit(4);
}

/* While its own parent lives, it is that one's. */
static int is_zombie_of_pid_1(int folder, const char *pid) {
  char path[300], text[300];
  snprintf(path, sizeof path, "%s/stat", pid);
  int file = openat(folder, path, O_RDONLY);
  if (file < 0) return 0;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  text[length > 0 ? length : 0] = '\0';
  char *name_end = strrchr(text, ')');
  return name_end != NULL && strncmp(name_end, ") Z 1 ", 6) == 0;
}

/* `since`: for each pid the time at which it was first seen to be what it still was at the latest look, or 0. */
static int64_t look(int64_t *since) {
  static unsigned char is_seen[LARGEST_PID + 1];
  memset(is_seen, 0, sizeof is_seen);
  int64_t now = now_ms(), longest = 0;
  DIR *folder = opendir("/proc");
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    int pid = atoi(entry->d_name);
    if (pid <= getpid() || pid > LARGEST_PID || !is_zombie_of_pid_1(dirfd(folder), entry->d_name)) continue;
    is_seen[pid] = 1;
    if (since[pid] == 0) since[pid] = now;
    if (now - since[pid] > longest) longest = now - since[pid];
  }
  closedir(folder);
  for (int pid = 0; pid <= LARGEST_PID; pid++) {
    if (!is_seen[pid]) since[pid] = 0;
  }
  return longest;
}

static int has_ended(int pipe) {
  struct pollfd end = {.fd = pipe};
  return poll(&end, 1, 0) > 0;
}

/* Until the end of `until`, and once more. */
static void keep_looking(int until) {
  static int64_t since[LARGEST_PID + 1];
  int64_t longest = 0;
  int looks = 0;
  for (int is_over = 0;; is_over = has_ended(until)) {
    int64_t one = look(since);
    if (one > longest) longest = one;
    looks++;
    if (is_over) break;
    wait_until(now_ms() + BETWEEN_LOOKS_MS);
  }
  printf("%d looks, a zombie for %ld ms\n", looks, (long)longest);
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
  if (each > MOST_AT_ONCE) return 2;
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
