import { existsSync } from "node:fs";

/** What a process, of a container or of an exec, is asked about itself. */
export const PROCESS = {
  status:
    "grep -E '^(Umask|Groups|NoNewPrivs|Seccomp|Seccomp_filters|Sig...|ShdPnd|Cap...):' /proc/self/status",
  identity: "id; awk '/^[UG]id:/' /proc/self/status",
  environment: "env | sort",
  directory: "pwd; stat -c '%u:%g %a' .",
  limits: "grep -v 'pending signals' /proc/self/limits; ulimit -S -a | grep -v 'pending signals'",
  scores:
    "cat /proc/self/oom_score_adj /proc/self/coredump_filter /proc/self/personality; cat /proc/self/uid_map",
  priority: 'awk \'{ print "nice", $19, "policy", $41 }\' /proc/self/stat',
  session:
    'awk \'{ print ($1 == $5 ? "leads its group" : ""), ($1 == $6 ? "leads its session" : ""), $7 }\' /proc/$$/stat',
  parent: "grep ^PPid: /proc/$$/status",
  descriptors: "for f in 0 1 2; do readlink /proc/$$/fd/$f; done; ls /proc/$$/fd | tr '\\n' ' '",
  byPath:
    "echo by path > /dev/stdout; echo again >> /proc/self/fd/1; echo error > /dev/stderr; cat /dev/stdin",
  change:
    "touch /etc/passwd /new; echo x > /tmp/new && echo written; chown 5:5 /tmp/new && stat -c %u:%g /tmp/new",
  rights: `
    chmod 4755 /tmp; chroot / true; mknod /tmp/n c 1 3 && cat /tmp/n; mknod /tmp/b b 8 0; mount -t tmpfs x /mnt;
    mount -o remount,rw /sys; umount /proc; hostname renamed; nice -n -5 true; chrt -f 1 true; unshare -m true;
    unshare -U true; swapon /tmp/new; ping -c 1 -W 5 127.0.0.1 | grep -c '1 packets received'; ip link set lo down;
    su demo -c id; setpriv --bounding-set -all true; ionice -c 1 true; true`,
  first: "kill -0 1 && echo may",
  ports: "timeout 0.2 nc -l -p 80 -s 127.0.0.1; timeout 0.2 nc -l -p 8080 -s 127.0.0.1",
} as const;

/** Files that a container must not read or write. The machine's kernel may lack some; a container VM's has them. */
const has = existsSync;
const READ_ONLY = ["bus", "fs", "irq", "sys", "sysrq-trigger"].map((name) => `/proc/${name}`).filter(has);
const MASKED = [
  ...["acpi", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "scsi"].map(
    (name) => `/proc/${name}`,
  ),
  ...["/proc/interrupts", "/sys/firmware", "/sys/devices/virtual/powercap"],
].filter(has);

/** Docker shows the first version's hierarchies where the machine has them, and a container VM has only the second. */
const CGROUP = ["/sys/fs/cgroup"].filter(() => has("/sys/fs/cgroup/cgroup.controllers"));

const listMounts = (paths: readonly string[], options: string): string => `
  for m in ${paths.join(" ")}; do awk -v m=$m '$2 == m { n = split($4, o, ","); printf "%s %s", m, $3;
    for (i = 1; i <= n; i++) if (o[i] ~ /^(${options})/) printf " %s", o[i]; print "" }' /proc/mounts; done`;

/** What a container is asked besides. */
export const CONTAINER = {
  devices: `cd /dev; for f in *; do [ $f = core ] || stat -c '%n %F %a %u:%g %t:%T' $f; [ $f = core ] || readlink $f
    done; ls /dev/pts${has("/proc/kcore") ? "; readlink core" : ""}`,
  use: "head -c 3 /dev/zero | wc -c; echo x > /dev/null; echo x > /dev/full; head -c 4 /dev/urandom | wc -c; : > /dev/tty",
  mounts: listMounts(
    ["/", "/proc", "/sys", ...CGROUP, "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", ...READ_ONLY],
    "ro|rw|nosuid|nodev|noexec|mode=|gid=|ptmxmode=|size=",
  ),
  maskedMounts: listMounts(MASKED, "ro"),
  nameFiles: `${listMounts(["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"], "ro|rw")} | cut -d" " -f1,3`,
  shm: "df -k /dev/shm | awk 'NR == 2 { print $2 }'; stat -c '%a %F' /dev/shm /dev/mqueue; touch /dev/shm/x && echo made",
  hosts:
    "cat /etc/hosts; stat -c '%n %u:%g %a' /etc/hosts /etc/hostname /etc/resolv.conf; echo >> /etc/hosts",
  hostname: "hostname; cat /etc/hostname; cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname",
  masked: `for f in ${MASKED.join(" ")}; do [ -d $f ] && ls -A $f | head -1 || echo $f $(head -c 1 $f | wc -c); done`,
  // Opened only, or taken back: a privileged container of Docker's has the machine's own kernel.
  kernel: `: >> /proc/sys/kernel/panic; : >> /sys/kernel/profiling; mkdir /proc/bus/x
    ${READ_ONLY.includes("/proc/sysrq-trigger") ? ": >> /proc/sysrq-trigger" : ""}
    ${CGROUP.length > 0 ? "mkdir /sys/fs/cgroup/mine && rmdir /sys/fs/cgroup/mine" : ""}`,
  loopback: "cat /sys/class/net/lo/flags; ls /sys/class/net | tr '\\n' ' '; cat /proc/net/route | wc -l",
} as const;
