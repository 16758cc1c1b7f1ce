#include "stage0.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULES "/modules"

/* Names of the files that were loaded, or failed to: neither is tried again. */
static char **done_files = NULL;
static size_t done_count = 0;

static bool is_done(const char *file) {
  for (size_t i = 0; i < done_count; i++) {
    if (strcmp(done_files[i], file) == 0) return true;
  }
  return false;
}

static void remember(const char *file) {
  char **larger = realloc(done_files, (done_count + 1) * sizeof *done_files);
  char *copy = strdup(file);
  if (larger == NULL || copy == NULL) fail("out of memory");
  done_files = larger;
  done_files[done_count++] = copy;
}

/*
 * finit_module(2). A module that does not load is said and no more: a driver of another device may be all
 * that is needed, and if not, the search for the agent image fails with its own line.
 */
static void load_module(const char *name) {
  if (is_done(name)) return;
  remember(name);
  char path[PATH_ROOM];
  snprintf(path, sizeof path, MODULES "/%s", name);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    say("module %s: %s", name, strerror(errno));
    return;
  }
  if (syscall(SYS_finit_module, file, "", 0) != 0 && errno != EEXIST) {
    say("module %s: %s", name, strerror(errno));
  }
  close(file);
  say_detail("loaded %s", name);
}

void load_list(const char *list) {
  char path[PATH_ROOM];
  snprintf(path, sizeof path, MODULES "/%s", list);
  char *text = read_text(path);
  char *rest = text;
  for (char *name = strsep(&rest, "\n"); name != NULL; name = strsep(&rest, "\n")) {
    if (*name != '\0') load_module(name);
  }
  free(text);
}

static const struct aliases *alias_table(void) {
  static struct aliases *table = NULL;
  if (table != NULL) return table;
  char *text = read_text(MODULES "/aliases");
  if (text == NULL) text = strdup("");
  if (text != NULL) table = parse_aliases(text);
  if (table == NULL) fail("out of memory");
  return table;
}

static void visit_device(const char *device, void *bus) {
  char path[PATH_ROOM];
  int length = snprintf(path, sizeof path, "/sys/bus/%s/devices/%s/modalias", (const char *)bus, device);
  if ((size_t)length >= sizeof path) return;
  char *alias = read_text(path);
  if (alias == NULL) return;
  alias[strcspn(alias, "\n")] = '\0';
  if (*alias != '\0') match_alias(alias_table(), alias, load_module);
  free(alias);
}

static void visit_bus(const char *bus, void *context) {
  (void)context;
  char path[PATH_ROOM];
  int length = snprintf(path, sizeof path, "/sys/bus/%s/devices", bus);
  if ((size_t)length >= sizeof path) return;
  char *name = strdup(bus);
  for_each_entry(path, visit_device, name);
  free(name);
}

void coldplug(void) {
  size_t before;
  /* A loaded driver brings devices, on buses that may be new, which may need drivers again. */
  do {
    before = done_count;
    for_each_entry("/sys/bus", visit_bus, NULL);
  } while (done_count > before);
}
