import type { Difference } from "../../support/docker-comparison.ts";

/** Every difference between dockerd and the endpoint that is meant, with its reason. */
export const DIFFERENCES: readonly Difference[] = [
  {
    question: "version: of the engine",
    docker: ["1.41 1.12"],
    vch: ["1.43 1.24"],
    reason: "each serves the versions of the API that it knows",
  },
  {
    question: "info: how it keeps and runs containers",
    docker: ["vfs false"],
    vch: ["qcow2 true"],
    reason: "disks of machines, which go on without the endpoint",
  },
  {
    question: "inspect: what the engine calls itself",
    docker: ["vfs linux"],
    vch: ["qcow2 linux"],
    reason: "disks of machines",
  },
  {
    question: "inspect: memory and processors",
    docker: ["0 0 0"],
    vch: ["536870912 0 0"],
    reason: "a machine has so much memory and no more: nothing is without a limit",
  },
  {
    question: "kill: signals that are none",
    docker: [
      "2> Error response from daemon: Cannot kill container: box: The linux daemon does not support signal 65",
      "2> Error response from daemon: Cannot kill container: box: The linux daemon does not support signal 18446744073709551615",
    ],
    vch: [
      "2> Error response from daemon: Invalid signal: 65",
      "2> Error response from daemon: Invalid signal: -1",
    ],
    reason: "a number that is none is as wrong as a name that is none",
  },
  {
    question: "networks: what is not there",
    docker: ["2> Error response from daemon: network nosuch not found"],
    vch: ["2> Error response from daemon: removing a network is not supported by this endpoint yet"],
    reason: "networks of users' are not built yet, and so none is removed",
  },
  {
    question: "ps --filter before and since",
    docker: [
      "2> Error response from daemon: no such container nosuch",
      "2> Error response from daemon: no such container nosuch",
    ],
    vch: [
      "2> Error response from daemon: No such container: nosuch",
      "2> Error response from daemon: No such container: nosuch",
    ],
    reason: "said as everywhere else",
  },
  {
    question: "inspect: the configuration",
    docker: ['["A=b","PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]'],
    vch: ['["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","A=b"]'],
    reason: "the image's variables come first, those of the container behind them",
  },
  {
    question: "inspect: which streams were attached",
    docker: ["false true true"],
    vch: ["false false false"],
    reason: "which streams a client attached to is not kept: it says nothing about the container",
  },
  {
    question: "inspect: of which kind",
    docker: ["2> Error response from daemon: no such image: made: No such image: made:latest"],
    vch: ["2> Error response from daemon: No such image: made:latest"],
    reason: "said once",
  },
  {
    question: "refused: a stop signal that is unknown",
    docker: ["2> Error response from daemon: Invalid signal: NOSUCH"],
    vch: ["2> Error response from daemon: invalid signal: NOSUCH"],
    reason: "the words of our parser",
  },
  {
    question: "refused: too little memory",
    docker: ["2> Error response from daemon: Minimum memory limit allowed is 6MB"],
    vch: [
      "2> Error response from daemon: Minimum memory limit allowed is 96MB: a container VM has a kernel and an agent of its own",
    ],
    reason: "a container VM has a kernel and an agent of its own, which need as much",
  },
  {
    question: "refused: a log driver that is unknown",
    docker: [
      '2> Error response from daemon: error looking up logging plugin nosuch: plugin "nosuch" not found',
    ],
    vch: ["2> Error response from daemon: logger: no log driver named 'nosuch' is registered"],
    reason: "there are no plugins to look one up in",
  },
  {
    question: "refused: a network that is not there",
    docker: ["2> docker: Error response from daemon: network nosuch not found"],
    vch: [
      "2> docker: Error response from daemon: HostConfig.NetworkMode=nosuch: networks of a user's, which is not supported by this endpoint yet",
    ],
    reason: "networks of users' are not built yet; it is refused before a container is made",
  },
  {
    question: "refused: a container's network that is not there",
    docker: ["2> docker: Error response from daemon: No such container: nosuch"],
    vch: [
      "2> docker: Error response from daemon: HostConfig.NetworkMode=container:nosuch: networks of a user's, which is not supported by this endpoint yet",
    ],
    reason: "a container VM cannot have the network of another one; it is refused before a container is made",
  },
  {
    question: "exec: all rights",
    docker: ["2> mount: permission denied (are you root?)", "= 1"],
    vch: ["= 0"],
    reason:
      "dockerd 20.10 leaves its filter of system calls on a privileged exec, which --privileged means to take off",
  },
  {
    question: "exec: a program that is not found",
    docker: [
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "no-such-program": executable file not found in $PATH: unknown\\r',
      "= 126",
    ],
    vch: [
      '2> OCI runtime exec failed: exec failed: unable to start container process: exec: "no-such-program": executable file not found in $PATH: unknown\\r',
      "= 127",
    ],
    reason:
      "what keeps a process from running is no output of its: it is told on the error output, and, as with docker run, 127 says that there is no such program",
  },
  {
    question: "exec: a path that is not found",
    docker: [
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "/no/such/program": stat /no/such/program: no such file or directory: unknown\\r',
      "= 126",
    ],
    vch: [
      '2> OCI runtime exec failed: exec failed: unable to start container process: exec: "/no/such/program": stat /no/such/program: no such file or directory: unknown\\r',
      "= 127",
    ],
    reason:
      "what keeps a process from running is no output of its: it is told on the error output, and, as with docker run, 127 says that there is no such program",
  },
  {
    question: "exec: a file that is no program",
    docker: [
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc/passwd": permission denied: unknown\\r',
    ],
    vch: [
      '2> OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc/passwd": permission denied: unknown\\r',
    ],
    reason:
      "what keeps a process from running is no output of its: it is told on the error output, and, as with docker run, 127 says that there is no such program",
  },
  {
    question: "exec: a user who is not found",
    docker: ["unable to find user nobody-like-this: no matching entries in passwd file\\r", "= 126"],
    vch: ["2> unable to find user nobody-like-this: no matching entries in passwd file\\r", "= 125"],
    reason:
      "what keeps a process from running is no output of its: it is told on the error output, with the status of docker run",
  },
  {
    question: "exec: a directory that is missing",
    docker: [
      'OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/no/such") set in config.json failed: no such file or directory: unknown\\r',
    ],
    vch: [
      '2> OCI runtime exec failed: exec failed: unable to start container process: working directory "/no/such": no such file or directory: unknown\\r',
    ],
    reason:
      "what keeps a process from running is no output of its: it is told on the error output, and without the names of runc's files",
  },
  {
    question: "exec: no program",
    docker: [
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "": executable file not found in $PATH: unknown\\r',
      "= 126",
    ],
    vch: [
      '2> OCI runtime exec failed: exec failed: unable to start container process: exec: "": executable file not found in $PATH: unknown\\r',
      "= 127",
    ],
    reason:
      "what keeps a process from running is no output of its: it is told on the error output, and, as with docker run, 127 says that there is no such program",
  },
  {
    question: "top: a column that is none",
    docker: ['2> Error response from daemon: ps: error: unknown user-defined format specifier "nosuch"'],
    vch: ['2> Error response from daemon: error: unknown user-defined format specifier "nosuch"'],
    reason: "no ps runs on the host",
  },
  {
    question: "several: one that is not there",
    docker: ['2> Error response from daemon: ps: error: unknown user-defined format specifier "such"'],
    vch: [
      "2> Error response from daemon: ps options that are not known here: nosuch (aux, -ef and -o COLUMN,… are)",
    ],
    reason: "no ps runs on the host: which columns there are is told",
  },
  {
    question: "cp: an archive that is none",
    docker: ["2> Error response from daemon: Error processing tar file(exit status 1): unexpected EOF"],
    vch: ["2> Error response from daemon: the archive is damaged or no tar archive: it ends too soon"],
    reason: "the words of our reader",
  },
  {
    question: "cp: a file with a slash behind it",
    docker: [/^2> Error response from daemon: lstat .*\/d\/a\/: not a directory$/],
    vch: ["2> Error response from daemon: Could not find the file /d/a/ in container box"],
    reason: "without the names of files of the machine",
  },
  {
    question: "cp: into what is mounted read-only",
    docker: ["2> Error response from daemon: container rootfs is marked read-only"],
    vch: [/^2> Error response from daemon: x: EROFS: read-only file system/],
    reason: "it is the guest's file system that refuses",
  },
];
