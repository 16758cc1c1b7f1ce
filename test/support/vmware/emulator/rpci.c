#include "emulator.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "guestinfo."
#define LONGEST_KEY 128

static unsigned char *make_reply(bool succeeded, const void *text, size_t size, size_t *reply_size) {
  unsigned char *reply = malloc(size + 2);
  if (reply == NULL) die("memory");
  memcpy(reply, succeeded ? "1 " : "0 ", 2);
  memcpy(reply + 2, text, size);
  *reply_size = size + 2;
  return reply;
}

static unsigned char *say(bool succeeded, const char *text, size_t *reply_size) {
  return make_reply(succeeded, text, strlen(text), reply_size);
}

/* The word at the cursor and the space behind it. */
static bool take_word(const unsigned char **cursor, size_t *left, char *word, size_t room) {
  size_t length = 0;
  while (length < *left && (*cursor)[length] != ' ') length++;
  if (length == 0 || length >= room || memchr(*cursor, '\0', length) != NULL) return false;
  memcpy(word, *cursor, length);
  word[length] = '\0';
  const size_t step = length + (length < *left ? 1 : 0);
  *cursor += step;
  *left -= step;
  return true;
}

static unsigned char *get_value(const char *key, size_t *reply_size) {
  size_t size;
  unsigned char *value = read_key(key, &size);
  if (value == NULL) return say(false, "No value found", reply_size);
  unsigned char *reply = make_reply(true, value, size, reply_size);
  free(value);
  return reply;
}

/* A key with a `/` is the host's: the guest reads it only. */
static unsigned char *set_value(const char *key, const unsigned char *value, size_t size, size_t *reply_size) {
  if (strncmp(key, PREFIX, strlen(PREFIX)) != 0 || strchr(key, '/') != NULL)
    return say(false, "Permission denied", reply_size);
  /* An empty one cannot be set (cloud-init, DataSourceVMware.py, guestinfo_set_value). */
  if (size == 0) return say(false, "Too few arguments", reply_size);
  if (!write_key(key, value, size)) return say(false, "Unable to set the value", reply_size);
  return say(true, "", reply_size);
}

static void note(const unsigned char *request, size_t size) {
  if (options.log == NULL) return;
  FILE *log = fopen(options.log, "ae");
  if (log == NULL) die(options.log);
  for (size_t i = 0; i < size && i < LONGEST_KEY; i++) fputc(isprint(request[i]) ? request[i] : '?', log);
  fputc('\n', log);
  fclose(log);
}

unsigned char *execute_request(const unsigned char *request, size_t size, size_t *reply_size) {
  char command[16], key[LONGEST_KEY];
  note(request, size);
  if (!take_word(&request, &size, command, sizeof command)) return say(false, "Unknown command", reply_size);
  if (strcmp(command, "log") == 0) return say(true, "", reply_size);
  if (!take_word(&request, &size, key, sizeof key)) return say(false, "Unknown command", reply_size);
  if (strcmp(command, "info-get") == 0) return get_value(key, reply_size);
  if (strcmp(command, "info-set") == 0) return set_value(key, request, size, reply_size);
  return say(false, "Unknown command", reply_size);
}
