/*
 * The table of which device needs which modules: lines `PATTERN FILE[,FILE…]`, made at build time from
 * modules.alias and modules.dep. PATTERN is a glob over a device's modalias; the files are in load order,
 * dependencies first. Empty lines and lines of one word are skipped.
 */
#include "stage0.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct line {
  const char *pattern;
  char *files; /* comma-separated */
};

struct aliases {
  size_t count;
  struct line lines[];
};

static size_t count_lines(const char *text) {
  size_t lines = 1;
  for (; *text != '\0'; text++) lines += *text == '\n';
  return lines;
}

struct aliases *parse_aliases(char *text) {
  struct aliases *aliases = malloc(sizeof *aliases + count_lines(text) * sizeof aliases->lines[0]);
  if (aliases == NULL) return NULL;
  aliases->count = 0;
  char *rest = text;
  for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
    char *space = strchr(line, ' ');
    if (space == NULL || space == line || space[1] == '\0') continue;
    *space = '\0';
    aliases->lines[aliases->count++] = (struct line){.pattern = line, .files = space + 1};
  }
  return aliases;
}

static void load_files(const char *files, void (*load)(const char *file)) {
  char *copy = strdup(files);
  char *rest = copy;
  for (char *file = strsep(&rest, ","); file != NULL; file = strsep(&rest, ",")) {
    if (*file != '\0') load(file);
  }
  free(copy);
}

void match_alias(const struct aliases *aliases, const char *alias, void (*load)(const char *file)) {
  for (size_t i = 0; i < aliases->count; i++) {
    const struct line *line = &aliases->lines[i];
    if (fnmatch(line->pattern, alias, 0) == 0) load_files(line->files, load);
  }
}
