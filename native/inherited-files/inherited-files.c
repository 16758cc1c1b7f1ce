/*
 * Preloaded into a QEMU that maps a template's memory: what it asks for as /proc/self/fd/N, to read and write, is the
 * descriptor that it has inherited, as it was opened: to read. The kernel would open the file anew, and ask whether QEMU's
 * user may write to it, which none may: QEMU 7.2 opens its memory's file so (file_ram_open of softmmu/physmem.c), though a
 * private mapping writes nothing. There is no other way to give it a descriptor: /dev/fdset is for disks and logs only.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "/proc/self/fd/"

typedef int open_call(const char *path, int flags, ...);

static int inherited(const char *path, int flags)
{
	if ((flags & O_ACCMODE) != O_RDWR || strncmp(path, PREFIX, sizeof PREFIX - 1) != 0)
		return -1;
	return (int)strtol(path + sizeof PREFIX - 1, NULL, 10);
}

/* Programs with files of 64 bits, as QEMU is one, have no other open. */
__attribute__((visibility("default"))) int open64(const char *path, int flags, ...)
{
	const int descriptor = inherited(path, flags);
	if (descriptor >= 0)
		return fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
	mode_t mode = 0;
	if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
		va_list rest;
		va_start(rest, flags);
		mode = va_arg(rest, mode_t);
		va_end(rest);
	}
	static open_call *next;
	if (next == NULL)
		next = (open_call *)dlsym(RTLD_NEXT, "open64");
	if (next == NULL) {
		errno = ENOSYS;
		return -1;
	}
	return next(path, flags, mode);
}

/* What a compiler that checks calls makes of an open without a mode. */
__attribute__((visibility("default"))) int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}
