/*
 * Does in a folder what not every shared file system can: a shared mapping that is written to, locks, extended
 * attributes, a device. Prints a line for each.
 *
 * Argument: the folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void tell(const char *what, int result)
{
	printf("%s: %s\n", what, result < 0 ? strerror(errno) : "works");
}

static int map(void)
{
	int file = open("mapped", O_RDWR | O_CREAT, 0644);
	if (file < 0 || ftruncate(file, 4096) < 0)
		return -1;
	char *bytes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (bytes == MAP_FAILED)
		return -1;
	memcpy(bytes, "mapped\n", 7);
	return ftruncate(file, 7) < 0 || munmap(bytes, 4096) < 0 ? -1 : close(file);
}

int main(int count, char **arguments)
{
	if (count != 2 || chdir(arguments[1]) < 0)
		return 1;
	tell("mapping", map());
	int file = open("locked", O_RDWR | O_CREAT, 0644);
	tell("flock", flock(file, LOCK_EX | LOCK_NB));
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	tell("lock, waiting", fcntl(file, F_SETLKW, &lock));
	char value[16] = { 0 };
	tell("attribute", setxattr("locked", "user.of", "guest", 5, 0) < 0 ? -1 : (int)getxattr("locked", "user.of", value, 15));
	printf("%s\n", value);
	tell("device", mknod("device", S_IFBLK | 0600, makedev(8, 0)));
	tell("hole", fallocate(file, 0, 0, 65536));
	int unnamed = open(".", O_TMPFILE | O_RDWR, 0600);
	tell("unnamed", unnamed);
	return 0;
}
