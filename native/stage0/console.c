#include "stage0.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

/* One console line, its end included. */
#define LINE_ROOM 512

static bool has_timings = false;

void open_console(void) {
  int console = open("/dev/console", O_RDWR | O_NOCTTY);
  if (console < 0) console = open("/dev/null", O_RDWR);
  if (console < 0) return;
  for (int descriptor = 0; descriptor <= 2; descriptor++) dup2(console, descriptor);
  if (console > 2) close(console);
}

int64_t boot_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void print_timings(void) { has_timings = true; }

static size_t limited(int length, size_t room) {
  if (length < 0) return 0;
  return (size_t)length < room ? (size_t)length : room - 1;
}

/* One write per line, so that no kernel message comes in between. */
static void print(const char *format, va_list values) {
  char line[LINE_ROOM];
  size_t used = limited(snprintf(line, sizeof line, "stage0: "), sizeof line);
  if (has_timings) {
    used += limited(snprintf(line + used, sizeof line - used, "[%lld ms] ", (long long)boot_ms()),
                    sizeof line - used);
  }
  used += limited(vsnprintf(line + used, sizeof line - 1 - used, format, values), sizeof line - 1 - used);
  line[used++] = '\n';
  (void)!write(STDERR_FILENO, line, used);
}

void say(const char *format, ...) {
  va_list values;
  va_start(values, format);
  print(format, values);
  va_end(values);
}

void say_detail(const char *format, ...) {
  if (!has_timings) return;
  va_list values;
  va_start(values, format);
  print(format, values);
  va_end(values);
}

_Noreturn void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  print(format, values);
  va_end(values);
  sync();
  reboot(RB_POWER_OFF);
  /* An init that ends panics the kernel, and the panic would scroll the line away. */
  for (;;) pause();
}
