/*
 * Stage 0: /init of the initramfs. Finds the read-only agent image and executes /tether from it in its own
 * place. What its files share. It runs before anything else, so a failure ends in one line on the
 * console and power-off: there is nobody to return an error to.
 */
#ifndef TETHER_STAGE0_H
#define TETHER_STAGE0_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_LENGTH 16

/* Where the agent image is mounted before it becomes the root. */
#define AGENT_MOUNT "/agent"

/* Room for any path below /dev and /sys/class/block; longer names are skipped. */
#define PATH_ROOM 512

/* The kernel command line's options for stage 0. */
struct options {
  bool debug;       /* tether.debug: a timing on each console line, and more of them */
  bool no_prefetch; /* tether.noprefetch */
  bool profile;     /* tether.profile: read each page alone, when it is used (npm run profile-agent) */
  uint8_t agent[UUID_LENGTH]; /* tether.agent=UUID */
};

/* console.c */

/** Opens /dev/console as descriptors 0 to 2; /dev/null when there is no console. */
void open_console(void);

/** Prints `stage0: TEXT`, with the time since boot once print_timings was called. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** As say, but only with tether.debug. */
void say_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** From now on each line starts with the time since boot. */
void print_timings(void);

/** Says what failed, writes everything to disk and powers the machine off. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Milliseconds since boot (CLOCK_BOOTTIME). */
int64_t boot_ms(void);

/* options.c */

/** Reads /proc/cmdline; what is missing keeps its default. */
void read_options(struct options *options);

/** Parses the text form of a UUID, 8-4-4-4-12 hexadecimal digits. */
bool parse_uuid(const char *text, uint8_t uuid[UUID_LENGTH]);

/** Reads the options out of one command line, which is changed. */
void parse_options(char *line, struct options *options);

/* files.c */

/** Reads a small text file whole, with a NUL behind it; NULL with errno. The caller frees it. */
char *read_text(const char *path);

/** Calls `visit` with the name of each entry of a directory but "." and ".."; a missing one has none. */
void for_each_entry(const char *path, void (*visit)(const char *name, void *context), void *context);

/* aliases.c */

/** The module files of an alias table's lines; see load_aliases for the form. */
struct aliases;

/** Parses lines `PATTERN FILE[,FILE…]`; takes the text, which must live as long as the table. */
struct aliases *parse_aliases(char *text);

/** Calls `load` with each file, in order, of every line whose pattern matches the device's alias. */
void match_alias(const struct aliases *aliases, const char *alias, void (*load)(const char *file));

/* modules.c */

/** Loads the files that /modules/NAME lists, one per line, in order; a missing list is empty. */
void load_list(const char *list);

/** Loads what the devices present now need, until nothing new appears. */
void coldplug(void);

/* events.c */

/** Opens the kernel's uevent socket; events from here on are not missed. */
int open_events(void);

/** Waits for device events, at most `timeout_ms`, and takes all that are there. */
void wait_for_events(int events, int timeout_ms);

/* agent-image.c */

/** Mounts the agent image on AGENT_MOUNT; waits for its device; fails after the limit. */
void mount_agent_image(const struct options *options, int events);

/** True when the file's erofs superblock carries this UUID. */
bool is_agent_image(int file, const uint8_t uuid[UUID_LENGTH]);

/** True when the device holds an ISO 9660 file system. */
bool is_iso(int file);

/* prefetch.c */

/** readahead(2) of the ranges of /tether that the image's /prefetch lists as `OFFSET LENGTH`. */
void prefetch_agent(void);

/** From now on each page of the agent image is read on its own, when it is used. */
void stop_read_ahead(void);

/* switch-root.c */

/** Frees the initramfs and makes the agent image the root, with /dev, /proc and /sys in it. */
void switch_root(void);

#endif
