/*
 * Becomes a hypervisor with a user of its own: own-user [--give PATH]... [--tap NAME]... [--group ID] [--low-ports]
 * [--file-limit BYTES] PROGRAM [ARGUMENT]..., started by root in the machine's folder. The user's number is the first one plus the process's:
 * nobody else has it as long as the process lives, whoever else starts machines, and nothing has to be written down.
 *
 * own-user --give-tap NAME USER gives a TAP device to a machine that runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Nobody's (https://systemd.io/UIDS-GIDS: 1879048192 to 2147483647 are unused, and those behind are trouble); a
 * process's number is at most 2^22 (PID_MAX_LIMIT). src/hypervisor/qemu/own-user.ts has it, too.
 */
#define FIRST_USER 0x70000000u

#define TUN "/dev/net/tun"

static _Noreturn void fail(const char *what, const char *name)
{
	fprintf(stderr, "own-user: %s %s: %s\n", what, name, strerror(errno));
	_exit(126);
}

/* What cannot be done is told: a QEMU with more than it should have is not started. */
static void require(int result, const char *what)
{
	if (result != 0)
		fail("cannot", what);
}

/*
 * An existing TAP device, which root may open whoever has it (tun_set_iff of drivers/net/tun.c), gets an owner: so QEMU
 * may, and no other machine. Everybody may open TUN where udev is; there is no harm in that
 * (Documentation/networking/tuntap.rst).
 */
static void give_tap(const char *name, unsigned user)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	if (strlen(name) >= IFNAMSIZ) {
		errno = ENAMETOOLONG;
		fail("cannot open the TAP device", name);
	}
	strcpy(request.ifr_name, name);
	const int tun = open(TUN, O_RDWR | O_CLOEXEC);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0)
		fail("cannot open the TAP device", name);
	if (ioctl(tun, TUNSETOWNER, (unsigned long)user) != 0)
		fail("cannot give away the TAP device", name);
	struct stat status;
	require(fstat(tun, &status), "look at " TUN);
	if ((status.st_mode & 0666) != 0666)
		require(fchmod(tun, 0666), "make " TUN " accessible");
	close(tun);
}

static void keep_low_ports(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	data[0].permitted = data[0].effective = data[0].inheritable = 1u << CAP_NET_BIND_SERVICE;
	require(syscall(SYS_capset, &header, data) != 0, "keep the ports below 1024");
	require(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0), "keep the ports below 1024");
}

static void become(unsigned user, unsigned group, int has_low_ports)
{
	/* No program that it might start could give it more. */
	require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "renounce new privileges");
	for (int each = 0; prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; each++)
		if (!has_low_ports || each != CAP_NET_BIND_SERVICE)
			require(prctl(PR_CAPBSET_DROP, each, 0, 0, 0), "drop the capabilities");
	if (has_low_ports)
		require(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep a capability");
	require(setgroups(0, NULL), "leave the groups");
	require(setresgid(group, group, group), "change the group");
	require(setresuid(user, user, user), "change the user");
	if (has_low_ports)
		keep_low_ports();
}

/* Here, where it takes no privilege: nobody but CAP_SYS_RESOURCE limits another user's process (prlimit(2)). */
static void limit_files(const char *bytes)
{
	const rlim_t most = strtoull(bytes, NULL, 10);
	const struct rlimit limit = { .rlim_cur = most, .rlim_max = most };
	require(setrlimit(RLIMIT_FSIZE, &limit), "limit the files");
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

int main(int count, char **arguments)
{
	const unsigned user = FIRST_USER + (unsigned)getpid();
	unsigned group = user;
	int has_low_ports = 0;
	int next = 1;
	if (count == 4 && strcmp(arguments[1], "--give-tap") == 0) {
		give_tap(arguments[2], number(arguments[3]));
		return 0;
	}
	for (; next + 1 < count && strncmp(arguments[next], "--", 2) == 0; next++) {
		const char *option = arguments[next];
		if (strcmp(option, "--low-ports") == 0) {
			has_low_ports = 1;
			continue;
		}
		const char *value = arguments[++next];
		if (strcmp(option, "--give") == 0) {
			if (chown(value, user, user) != 0)
				fail("cannot give away", value);
		} else if (strcmp(option, "--tap") == 0) {
			give_tap(value, user);
		} else if (strcmp(option, "--group") == 0) {
			group = number(value);
		} else if (strcmp(option, "--file-limit") == 0) {
			limit_files(value);
		} else {
			errno = EINVAL;
			fail("unknown option", option);
		}
	}
	if (next >= count) {
		errno = EINVAL;
		fail("cannot start", "nothing");
	}
	become(user, group, has_low_ports);
	execv(arguments[next], arguments + next);
	fail("cannot start", arguments[next]);
}
