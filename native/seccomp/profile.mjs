// Which system calls a container may make: Docker's default profile, as its documentation states it
// (docs.docker.com/engine/security/seccomp) and as Docker 25 refines it: without io_uring and without AF_VSOCK
// sockets, which 20.10 still allows. Names are those of the kernel's unistd_*.h; a name of another architecture
// than x86 has no place here.

/**
 * A rule: these calls are allowed to everybody, or to who has one of the capabilities; `otherwise` is what the
 * others get: EPERM unless said differently.
 *
 * @typedef {{
 *   calls: string,
 *   capabilities?: string[],
 *   otherwise?: "EPERM" | "ENOSYS" | "IF_NO_NAMESPACE" | "IF_PLAIN_PERSONALITY" | "IF_NOT_VSOCK",
 * }} Rule
 */

/** Calls that act on nothing but what the process may touch anyway. */
const FOR_EVERYBODY = {
  "files by name": `
    access chdir chmod chown chown32 creat faccessat faccessat2 fchmodat fchownat futimesat getcwd
    lchown lchown32 link linkat lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat fstatat64
    open openat openat2 readlink readlinkat rename renameat renameat2 rmdir stat stat64 statfs statfs64 statx
    symlink symlinkat truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes`,
  "open files": `
    _llseek close close_range copy_file_range dup dup2 dup3 fadvise64 fadvise64_64 fallocate fchdir fchmod fchown
    fchown32 fcntl fcntl64 fdatasync flock fstat fstat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 getdents
    getdents64 ioctl lseek pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile
    sendfile64 splice sync sync_file_range syncfs tee vmsplice write writev`,
  "extended attributes": `
    fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr lremovexattr lsetxattr
    removexattr setxattr`,
  "waiting for files": `
    _newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
    eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch poll ppoll
    ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4`,
  "asynchronous files": `
    io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit`,
  memory: `
    brk madvise membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap msync
    munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages`,
  processes: `
    execve execveat exit exit_group fork getpgid getpgrp getpid getppid getsid gettid pidfd_open pidfd_send_signal
    prctl process_mrelease process_vm_readv process_vm_writev ptrace restart_syscall rseq set_robust_list
    get_robust_list set_thread_area get_thread_area set_tid_address setpgid setsid vfork wait4 waitid waitpid
    arch_prctl modify_ldt`,
  signals: `
    alarm kill pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn tgkill tkill`,
  "users and what they may do": `
    capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
    getresuid getresuid32 getuid getuid32 landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp
    setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid
    setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  "limits and scheduling": `
    getcpu getpriority getrlimit getrusage ioprio_get ioprio_set prlimit64 sched_get_priority_max
    sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
    sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
    setpriority setrlimit ugetrlimit`,
  time: `
    adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
    timerfd_gettime64 timerfd_settime timerfd_settime64 times`,
  "between processes": `
    futex futex_time64 futex_waitv ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64
    mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop
    semtimedop_time64 shmat shmctl shmdt shmget`,
  network: `
    accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmmsg_time64
    recvmsg sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,
  "the machine": "getrandom sysinfo uname",
};

/** @type {Rule[]} */
export const RULES = [
  ...Object.values(FOR_EVERYBODY).map((calls) => ({ calls })),

  // A new namespace is a new set of capabilities; new threads and processes are everybody's.
  { calls: "clone", capabilities: ["SYS_ADMIN"], otherwise: "IF_NO_NAMESPACE" },
  // Its flags are behind a pointer, out of a filter's reach; after ENOSYS libc falls back to clone.
  { calls: "clone3", capabilities: ["SYS_ADMIN"], otherwise: "ENOSYS" },
  { calls: "personality", otherwise: "IF_PLAIN_PERSONALITY" },
  { calls: "socket", otherwise: "IF_NOT_VSOCK" },

  {
    calls: `
      fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree quotactl
      quotactl_fd setdomainname sethostname setns umount umount2 unshare`,
    capabilities: ["SYS_ADMIN"],
  },
  { calls: "bpf", capabilities: ["SYS_ADMIN", "BPF"] },
  { calls: "perf_event_open", capabilities: ["SYS_ADMIN", "PERFMON"] },
  { calls: "syslog", capabilities: ["SYS_ADMIN", "SYSLOG"] },
  { calls: "open_by_handle_at", capabilities: ["DAC_READ_SEARCH"] },
  { calls: "reboot", capabilities: ["SYS_BOOT"] },
  { calls: "chroot", capabilities: ["SYS_CHROOT"] },
  { calls: "init_module finit_module delete_module", capabilities: ["SYS_MODULE"] },
  { calls: "acct", capabilities: ["SYS_PACCT"] },
  { calls: "kcmp pidfd_getfd process_madvise", capabilities: ["SYS_PTRACE"] },
  { calls: "ioperm iopl", capabilities: ["SYS_RAWIO"] },
  { calls: "clock_settime clock_settime64 settimeofday stime", capabilities: ["SYS_TIME"] },
  { calls: "vhangup", capabilities: ["SYS_TTY_CONFIG"] },
  { calls: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node", capabilities: ["SYS_NICE"] },
];
