#include "namespace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static const char *const KINDS[] = {
    [STEP_MOUNT] = "mount",
    [STEP_MAKE_DIRECTORY] = "make-directory",
    [STEP_MAKE_FILE] = "make-file",
    [STEP_SYMLINK] = "symlink",
    [STEP_MAKE_NODE] = "make-node",
};

static bool read_kind(napi_env env, napi_value object, enum step_kind *kind) {
  napi_value value;
  if (!read_property(env, object, "do", &value)) return false;
  char *name = read_string(env, value, "do");
  if (name == NULL) return false;
  bool known = false;
  for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
    if (strcmp(name, KINDS[i]) != 0) continue;
    *kind = (enum step_kind)i;
    known = true;
  }
  free(name);
  if (!known) throw_type_error(env, "do", "the name of a step");
  return known;
}

static bool read_text(napi_env env, napi_value object, const char *name, char **text) {
  napi_value value;
  return read_property(env, object, name, &value) && (*text = read_string(env, value, name)) != NULL;
}

static bool read_optional_text(napi_env env, napi_value object, const char *name, char **text) {
  napi_value value;
  return read_property(env, object, name, &value) && read_optional_string(env, value, name, text);
}

static bool read_number(napi_env env, napi_value object, const char *name, int64_t most, int64_t *number) {
  napi_value value;
  return read_property(env, object, name, &value) && read_integer(env, value, name, 0, most, number);
}

static bool read_mount(napi_env env, napi_value object, struct step *step) {
  napi_value optional;
  int64_t flags;
  if (!read_optional_text(env, object, "source", &step->source) ||
      !read_optional_text(env, object, "type", &step->type) ||
      !read_optional_text(env, object, "data", &step->data) ||
      !read_number(env, object, "flags", UINT32_MAX, &flags) ||
      !read_property(env, object, "optional", &optional)) {
    return false;
  }
  step->flags = (unsigned long)flags;
  if (step->data != NULL && strlen(step->data) > 4095) {
    /* mount(2) copies one page of data and cuts the rest off without an error. */
    throw_type_error(env, "data", "at most 4095 bytes long");
    return false;
  }
  if (is_absent(env, optional) || napi_get_value_bool(env, optional, &step->optional) == napi_ok) return true;
  throw_type_error(env, "optional", "a boolean");
  return false;
}

static bool read_made(napi_env env, napi_value object, struct step *step) {
  int64_t mode, major, minor;
  if (step->kind == STEP_SYMLINK) return read_text(env, object, "source", &step->source);
  if (!read_number(env, object, "mode", 0177777, &mode)) return false;
  step->mode = (mode_t)mode;
  if (step->kind != STEP_MAKE_NODE) return true;
  if (!read_number(env, object, "major", UINT32_MAX, &major) ||
      !read_number(env, object, "minor", UINT32_MAX, &minor)) {
    return false;
  }
  step->device = makedev((unsigned)major, (unsigned)minor);
  return true;
}

static bool read_step(napi_env env, napi_value object, struct step *step) {
  return read_kind(env, object, &step->kind) && read_text(env, object, "target", &step->target) &&
         (step->kind == STEP_MOUNT ? read_mount(env, object, step) : read_made(env, object, step));
}

struct step *read_steps(napi_env env, napi_value list, uint32_t *count) {
  bool is_array = false;
  napi_is_array(env, list, &is_array);
  if (!is_array || napi_get_array_length(env, list, count) != napi_ok || *count > LONGEST_LIST) {
    throw_type_error(env, "steps", "an array of steps");
    return NULL;
  }
  /* One more, because calloc(0) may return NULL, which means failure here. */
  struct step *steps = calloc((size_t)*count + 1, sizeof *steps);
  if (steps == NULL) {
    throw_errno(env, ENOMEM, "malloc", NULL);
    return NULL;
  }
  for (uint32_t i = 0; i < *count; i++) {
    napi_value object;
    if (napi_get_element(env, list, i, &object) == napi_ok && read_step(env, object, &steps[i])) continue;
    free_steps(steps, *count);
    return NULL;
  }
  return steps;
}

void free_steps(struct step *steps, uint32_t count) {
  if (steps == NULL) return;
  for (uint32_t i = 0; i < count; i++) {
    free(steps[i].source);
    free(steps[i].target);
    free(steps[i].type);
    free(steps[i].data);
  }
  free(steps);
}
