#include "stage0.h"

#include <stdlib.h>
#include <string.h>

static int digit(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  if (character >= 'a' && character <= 'f') return character - 'a' + 10;
  if (character >= 'A' && character <= 'F') return character - 'A' + 10;
  return -1;
}

bool parse_uuid(const char *text, uint8_t uuid[UUID_LENGTH]) {
  uint8_t result[UUID_LENGTH];
  for (size_t i = 0; i < UUID_LENGTH; i++) {
    bool has_dash = i == 4 || i == 6 || i == 8 || i == 10;
    if (has_dash && *text++ != '-') return false;
    int high = digit(text[0]);
    int low = high < 0 ? -1 : digit(text[1]);
    if (low < 0) return false;
    result[i] = (uint8_t)(high << 4 | low);
    text += 2;
  }
  if (*text != '\0') return false;
  memcpy(uuid, result, UUID_LENGTH);
  return true;
}

void parse_options(char *line, struct options *options) {
  const char *separators = " \t\n";
  for (char *word = strtok(line, separators); word != NULL; word = strtok(NULL, separators)) {
    if (strcmp(word, "tether.debug") == 0) options->debug = true;
    if (strcmp(word, "tether.noprefetch") == 0) options->no_prefetch = true;
    if (strcmp(word, "tether.profile") == 0) options->profile = true;
    if (strncmp(word, "tether.agent=", 13) == 0 && !parse_uuid(word + 13, options->agent)) {
      fail("%s: not a UUID", word);
    }
  }
}

void read_options(struct options *options) {
  char *line = read_text("/proc/cmdline");
  if (line == NULL) return;
  parse_options(line, options);
  free(line);
}
