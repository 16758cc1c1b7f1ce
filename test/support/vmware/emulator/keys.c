#include "emulator.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void name_file(const char *key, const char *suffix, char path[PATH_MAX]) {
  size_t length = (size_t)snprintf(path, PATH_MAX, "%s/", options.keys);
  for (const char *at = key; *at != '\0' && length < PATH_MAX - 16; at++) {
    if (*at == '/' || *at == '%') length += (size_t)snprintf(path + length, 4, "%%%02X", (unsigned char)*at);
    else path[length++] = *at;
  }
  snprintf(path + length, PATH_MAX - length, "%s", suffix);
}

static unsigned char *read_all(int file, size_t size) {
  unsigned char *value = malloc(size + 1);
  if (value == NULL) die("memory");
  for (size_t done = 0; done < size;) {
    ssize_t count = read(file, value + done, size - done);
    if (count <= 0) {
      free(value);
      return NULL;
    }
    done += (size_t)count;
  }
  return value;
}

unsigned char *read_key(const char *key, size_t *size) {
  char path[PATH_MAX];
  struct stat facts;
  unsigned char *value = NULL;
  name_file(key, "", path);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return NULL;
  if (fstat(file, &facts) == 0 && S_ISREG(facts.st_mode)) {
    *size = (size_t)facts.st_size;
    value = read_all(file, *size);
  }
  close(file);
  return value;
}

/* Whoever reads finds the value before or this one. */
bool write_key(const char *key, const void *value, size_t size) {
  char path[PATH_MAX], unfinished[PATH_MAX];
  name_file(key, "", path);
  name_file(key, "%new", unfinished);
  int file = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool is_written = write(file, value, size) == (ssize_t)size;
  close(file);
  return is_written && rename(unfinished, path) == 0;
}
