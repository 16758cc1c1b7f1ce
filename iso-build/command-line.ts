/** Each word of the kernel's command line, with its reason. */
const WORDS: readonly (readonly [word: string, reason: string])[] = [
  ["console=ttyS0", "the only console that a headless VM has"],
  ["quiet", "each printed line costs time on an emulated serial port"],
  ["loglevel=3", "errors still show"],
  ["panic=-1", "a panic ends the VM at once instead of hanging it: with QEMU's -no-reboot, its process ends"],
  ["cryptomgr.notests", "saves 250 ms under TCG: the kernel tests its own ciphers at every start"],
  ["rcupdate.rcu_expedited=1", "mounts, namespaces and unloaded modules wait for grace periods: 150 ms of a start under TCG"],
  ["no_timer_check", "as KVM guests do by themselves: an emulated timer works, waiting to see it costs 10-20 ms"],
];

/** The kernel's command line for a container VM that is booted directly. */
export const KERNEL_COMMAND_LINE: string = WORDS.map(([word]) => word).join(" ");

/** The ISO's: also on a screen when there is one. The last console named is /dev/console. */
export const ISO_COMMAND_LINE: string = `console=tty0 ${KERNEL_COMMAND_LINE}`;
