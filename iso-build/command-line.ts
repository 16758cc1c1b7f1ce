/**
 * Each word of the kernel's command line, with its reason. Measured from QEMU's start to its end with an init
 * that powers off at once (q35, TCG, one CPU, medians of 7 to 11 interleaved rounds).
 *
 * Tried and left out, as they gain nothing that can be measured: lpj=, lsm=, apparmor=0 audit=0,
 * mitigations=off, 8250.nr_uarts=1, i8042.*, pci=lastbus=0. Debian's kernel has
 * random.trust_cpu=on by default. Left out although they gain: init_on_alloc=0 (40-60 ms) and nokaslr
 * (60 ms, bzImage only) weaken the guest's kernel against the container; nolapic_timer (75 ms, the calibration
 * of a timer) would make every timer slower with hardware virtualisation.
 */
const WORDS: readonly (readonly [word: string, reason: string])[] = [
  ["console=ttyS0", "the only console that a headless VM has"],
  ["quiet", "each printed line costs time on an emulated serial port"],
  ["loglevel=3", "errors still show"],
  ["panic=-1", "a panic ends the VM at once instead of hanging it: with QEMU's -no-reboot, its process ends"],
  ["cryptomgr.notests", "270-300 ms: the kernel tests its own ciphers at every start"],
  [
    "rcupdate.rcu_expedited=1",
    "mounts, namespaces and unloaded modules wait for grace periods: 150 ms of a start under TCG",
  ],
  ["noreplace-smp", "60-90 ms: with one CPU the kernel patches each of its thousands of lock prefixes away"],
  [
    "no_timer_check",
    "on a busy host an emulated timer can fail the kernel's check, which panics; KVM guests skip it too",
  ],
  [
    "tsc=reliable",
    "else an emulated guest of several processors takes the HPET for its clock, and every look at the clock is a " +
      "system call that leaves the VM: 25 to 1000 of them in an exec. QEMU's processors have one time stamp " +
      "counter; KVM and vSphere bring their own clock, or say the same",
  ],
];

/** The kernel's command line for a container VM that is booted directly. */
export const KERNEL_COMMAND_LINE: string = WORDS.map(([word]) => word).join(" ");

/** The ISO's: also on a screen when there is one. The last console named is /dev/console. */
export const ISO_COMMAND_LINE: string = `console=tty0 ${KERNEL_COMMAND_LINE}`;
