import type { Difference } from "../support/docker-comparison.ts";

/** Every difference between Docker and container VMs that is meant, with its reason. */
export const DIFFERENCES: readonly Difference[] = [
  ...[
    ["type=bind,src=FROM,dst=/x,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"],
    ["type=bind,src=FROM,dst=/x,tmpfs-size=1k", "cannot mix 'tmpfs-*' options with mount type 'bind'"],
    ["type=bind,src=FROM", "target is required"],
  ].map(([words = "", reason = ""]) => ({
    question: `--mount ${words}`,
    docker: [`invalid argument "${words}" for "--mount" flag: ${reason}`, "= 125"],
    vch: [reason, "= 1"],
    reason: "what is wrong with an option's value is found where it is used, and refused as anything else",
  })),
  {
    question: "update: a limit of processes that is none",
    docker: ["= 125"],
    vch: ["= 1"],
    reason: "what is wrong with an option's value is found where it is used, and refused as anything else",
  },
  {
    question: "parent",
    except: ["init"],
    docker: ["PPid:\t0"],
    vch: ["PPid:\t1"],
    reason: "PID 1 of a container VM is the agent, which launches the container's process",
  },
  {
    question: "first",
    surroundings: [
      ...["a user by name", "a user by number", "a user with a group", "a user and a group by number"],
      ...["an unknown number", "further groups", "no new privileges", "an exec"],
      ...["an exec with a directory", "an exec with variables"],
    ],
    docker: ["may", "= 0"],
    vch: ["sh: can't kill pid 1: Operation not permitted", "= 1"],
    reason: "PID 1 of a container VM is the agent, which is no user's",
  },
  {
    question: "session",
    surroundings: ["init"],
    docker: ["leads its group  0"],
    vch: ["leads its group leads its session 0"],
    reason:
      "docker-init runs its child in its own session; a container VM needs no init and has no such child",
  },
  {
    question: "hosts",
    vch: [/^127\.0\.1\.1\t(ID|box\.example box)$/],
    reason: "without a network a container VM still knows its own name, as Debian's installer would write it",
  },
  {
    question: "maskedMounts",
    except: ["privileged"],
    vch: ["/proc/interrupts tmpfs"],
    reason: "later versions of Docker mask it: the times of interrupts tell what is typed on the machine",
  },
  {
    question: "masked",
    except: ["privileged"],
    docker: ["/proc/interrupts 1"],
    vch: ["/proc/interrupts 0"],
    reason: "as above",
  },
  {
    question: "status",
    surroundings: ["privileged", "a privileged exec"],
    docker: [/^CapPrm:\t0000003f[ef]{8}$/, /^CapEff:\t0000003f[ef]{8}$/, /^CapBnd:\t0000003f[ef]{8}$/],
    vch: [/^CapPrm:\t000001ff[ef]{8}$/, /^CapEff:\t000001ff[ef]{8}$/, /^CapBnd:\t000001ff[ef]{8}$/],
    reason:
      "Docker 20.10 does not know CAP_PERFMON, CAP_BPF and CAP_CHECKPOINT_RESTORE, which later ones give",
  },
  {
    question: "status",
    surroundings: ["a privileged exec"],
    docker: ["Seccomp:\t2", "Seccomp_filters:\t1"],
    vch: ["Seccomp:\t0", "Seccomp_filters:\t0"],
    reason: "Docker 20.10 leaves its filter on a privileged exec, which --privileged means to take off",
  },
  {
    question: "rights",
    surroundings: ["a privileged exec"],
    docker: [
      "mount: permission denied (are you root?)",
      "mount: permission denied (are you root?)",
      "umount: can't unmount /proc: Operation not permitted",
      "hostname: sethostname: Operation not permitted",
      "unshare: unshare(0x20000): Operation not permitted",
      "unshare: unshare(0x10000000): Operation not permitted",
      "swapon: /tmp/new: Operation not permitted",
    ],
    vch: [
      "mount: mounting x on /mnt failed: No such file or directory",
      "umount: can't unmount /proc: Device or resource busy",
      "swapon: /tmp/new: Invalid argument",
    ],
    reason: "as above: what the filter refuses there",
  },
  {
    question: "descriptors",
    surroundings: ["an exec of root"],
    vch: ["/dev/null", "pipe:[N]", "pipe:[N]"],
    reason:
      "an exec of root in a user's container gets its capabilities by execve from Docker, which closes /proc/PID/fd to it",
  },
  {
    question: "size",
    docker: ["stty: standard input"],
    vch: ["24 80"],
    reason: "a terminal that nobody has given a size has the usual one, with which programs work",
  },
  {
    question: "a program that is not found",
    docker: [
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
    ],
    vch: ['exec: "nosuch": executable file not found in $PATH'],
    reason: "the fault itself, without the names of Docker's parts",
  },
  {
    question: "a path that is not found",
    docker: [
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/no/such": stat /no/such: no such file or directory: unknown',
    ],
    vch: ['exec: "/no/such": stat /no/such: no such file or directory'],
    reason: "the fault itself, without the names of Docker's parts",
  },
  {
    question: "a file that is no program",
    docker: [
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/etc/passwd": permission denied: unknown',
    ],
    vch: ['exec: "/etc/passwd": permission denied'],
    reason: "the fault itself, without the names of Docker's parts",
  },
  {
    question: "failed start: in the background",
    docker: [
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
    ],
    vch: ['exec: "nosuch": executable file not found in $PATH'],
    reason: "the fault itself, without the names of Docker's parts",
  },
  {
    question: "failed start: to be removed",
    docker: [
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
    ],
    vch: ['exec: "nosuch": executable file not found in $PATH'],
    reason: "the fault itself, without the names of Docker's parts",
  },
  {
    question: "failed start: its state",
    docker: [
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
    ],
    vch: ['exec: "nosuch": executable file not found in $PATH'],
    reason: "the fault itself, without the names of Docker's parts",
  },
  {
    question: "failed start: in the foreground",
    docker: [
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/etc/passwd": permission denied: unknown',
    ],
    vch: ['exec: "/etc/passwd": permission denied'],
    reason: "the fault itself, without the names of Docker's parts",
  },
  {
    question: "failed start: its state afterwards",
    docker: [
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/etc/passwd": permission denied: unknown',
    ],
    vch: ['exec: "/etc/passwd": permission denied'],
    reason: "the fault itself, without the names of Docker's parts",
  },
  {
    question: "failed start: is removed",
    docker: ["No such object: bad"],
    vch: ["No such container: bad"],
    reason: "vch inspects containers only",
  },
  {
    question: "a directory that is a file",
    docker: ["Cannot mkdir: /etc/passwd is not a directory", "= 125"],
    vch: ['working directory "/etc/passwd": not a directory', "= 126"],
    reason: "the launcher finds it, where Docker's engine does before it starts anything",
  },
  {
    question: "a stop signal that is unknown",
    docker: ["Invalid signal: nosuch"],
    vch: ["invalid signal: nosuch"],
    reason: "as later versions of Docker write it",
  },
  {
    question: "kill: an unknown signal",
    docker: ["Invalid signal: NOSUCH"],
    vch: ["invalid signal: NOSUCH"],
    reason: "as later versions of Docker write it",
  },
  {
    question: "kill: a number too high",
    docker: ["Cannot kill container: it: The linux daemon does not support signal 65"],
    vch: ["invalid signal: 65"],
    reason: "there is no daemon of Linux",
  },
  {
    question: "a variable without a name",
    docker: ['invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x'],
    vch: ["invalid environment variable: =x"],
    reason: "how an option is refused is the parser's; the fault is named",
  },
  {
    question: "an option that is unknown",
    docker: ["unknown flag: --nosuch"],
    vch: ["unknown option '--nosuch'"],
    reason: "the words of our parser",
  },
  {
    question: "exec: an option that is unknown",
    docker: ["unknown flag: --nosuch"],
    vch: ["unknown option '--nosuch'"],
    reason: "the words of our parser",
  },
  {
    question: "stop: a time that is none",
    docker: ['invalid argument "x" for "-t, --time" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    vch: ["option '-t, --time <seconds>' argument 'x' is invalid. a number of seconds is needed"],
    reason: "the words of our parser",
  },
  {
    question: "exec: no command",
    docker: ['"docker exec" requires at least 2 arguments', "Run a command in a running container"],
    vch: ["missing required argument 'command'"],
    reason: "the words of our parser",
  },
  {
    question: "a command that is unknown",
    docker: ["'nosuch' is not a docker command"],
    vch: ["unknown command 'nosuch'"],
    reason: "the words of our parser",
  },
  {
    question: "a process that its own signal cannot end",
    docker: ["goes on", "= 0"],
    vch: ["= 143"],
    reason: "PID 1, which no signal without a handler ends, is the agent: no container VM needs --init",
  },
  {
    question: "exec: a program that is not found",
    docker: ["= 126"],
    vch: ["= 127"],
    reason: "later versions of Docker end with 127 for what is not found, as `docker run` does",
  },
  {
    question: "exec: a path that is not found",
    docker: ["= 126"],
    vch: ["= 127"],
    reason: "later versions of Docker end with 127 for what is not found, as `docker run` does",
  },
  {
    question: "exec: no program",
    docker: ["= 126"],
    vch: ["= 127"],
    reason: "later versions of Docker end with 127 for what is not found, as `docker run` does",
  },
  {
    question: "exec: detached, not found",
    docker: ["= 1"],
    vch: ["= 127"],
    reason: "the status tells why, in the background as well",
  },
  {
    question: "exec: a directory as a program",
    docker: [
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc": permission denied: unknown',
    ],
    vch: [
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc": is a directory: unknown',
    ],
    reason: "what is wrong, as later versions of runc say",
  },
  {
    question: "exec: a directory that is missing",
    docker: [
      'OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/no/such") set in config.json failed: no such file or directory: unknown',
    ],
    vch: [
      'OCI runtime exec failed: exec failed: unable to start container process: working directory "/no/such": no such file or directory: unknown',
    ],
    reason: "there is no config.json",
  },
  {
    question: "exec: a directory that is a file",
    docker: [
      'OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/etc/passwd") set in config.json failed: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type',
    ],
    vch: [
      'OCI runtime exec failed: exec failed: unable to start container process: working directory "/etc/passwd": not a directory: unknown',
    ],
    reason: "there is no config.json, and nothing to mount",
  },
  {
    question: "exec: a directory that is relative",
    docker: ["OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown"],
    vch: [
      "OCI runtime exec failed: exec failed: unable to start container process: Cwd must be an absolute path: unknown",
    ],
    reason: "one form for every exec that could not start",
  },
  {
    question: "exec: paused",
    docker: ["Container it is paused, unpause the container before exec"],
    vch: ["Container FULL-ID is paused, unpause the container before exec"],
    reason: "containers are named by their ids in every message",
  },
  {
    question: "rename: the same name",
    docker: ["failed to rename container named it"],
    reason: "a second line that says less than the first",
  },
  {
    question: "rename: no such container",
    docker: ["failed to rename container named nosuch"],
    reason: "a second line that says less than the first",
  },
  {
    question: "start: no such container",
    docker: ["failed to start containers: nosuch"],
    reason: "a second line that says less than the first",
  },
  {
    question: "rename: a name that is none",
    docker: [
      "Error when allocating new name: Invalid container name (/a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
      "failed to rename container named it",
    ],
    vch: ["Invalid container name (a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"],
    reason: "the name as it was given, once",
  },
  {
    question: "kill: no such container",
    docker: ["Cannot kill container: nosuch: No such container: nosuch"],
    vch: ["No such container: nosuch"],
    reason: "said once",
  },
  {
    question: "inspect: no such container",
    docker: ["No such object: nosuch"],
    vch: ["No such container: nosuch"],
    reason: "vch inspects containers only",
  },
  ...["cp FROM/file it:/none/file", "cp it:/none TO"].map((question) => ({
    question,
    docker: ["No such container:path: it:/none"],
    vch: ["Could not find the file /none"],
    reason: "what is missing is the file",
  })),
  {
    question: "seccomp: no JSON",
    docker: [
      /^compacting json for seccomp profile \(\/.*\/no-JSON\.json\) failed: unexpected end of JSON input$/,
    ],
    vch: [/^compacting json for seccomp profile \(\/.*\/no-JSON\.json\) failed: Expected property name /],
    reason: "the words of our parser",
  },
  {
    question: "seccomp: an unknown action",
    docker: [
      "failed to create shim task: OCI runtime create failed: runc create failed: string SCMP_ACT_SHRUG is not a valid action for seccomp: unknown",
    ],
    vch: [/^Decoding seccomp profile failed: defaultAction: Invalid option: expected one of "SCMP_ACT_KILL"/],
    reason: "it is refused before anything is made, with what there is and where",
  },
  {
    question: "cp: no such container",
    docker: ["No such container:path: nosuch:/x"],
    vch: ["No such container: nosuch"],
    reason: "what is missing is the container",
  },
];
