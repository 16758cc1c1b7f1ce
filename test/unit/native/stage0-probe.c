/* Calls the parts of stage 0 that need no machine of their own, for stage0.test.ts. */
#include "../../../native/stage0/stage0.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vprintf(format, values);
  va_end(values);
  exit(3);
}

static void print_file(const char *file) { printf("%s\n", file); }

static void print_uuid(const uint8_t *uuid) {
  for (int i = 0; i < UUID_LENGTH; i++) printf("%02x", uuid[i]);
  printf("\n");
}

/* aliases FILE ALIAS | options LINE | block FILE UUID */
int main(int count, char **args) {
  if (count == 4 && strcmp(args[1], "aliases") == 0) {
    char *text = read_text(args[2]);
    if (text == NULL) return 2;
    match_alias(parse_aliases(text), args[3], print_file);
    return 0;
  }
  if (count == 3 && strcmp(args[1], "options") == 0) {
    struct options options = {0};
    parse_options(args[2], &options);
    printf("%d %d ", options.debug, options.no_prefetch);
    print_uuid(options.agent);
    return 0;
  }
  if (count == 4 && strcmp(args[1], "block") == 0) {
    uint8_t uuid[UUID_LENGTH];
    int file = open(args[2], O_RDONLY);
    if (!parse_uuid(args[3], uuid)) return 2;
    printf("%d %d\n", is_agent_image(file, uuid), is_iso(file));
    return 0;
  }
  return 1;
}
