/** What sessions need of the container's cgroup (src/init has the kernel's side of it). */
export interface ContainerCgroup {
  /** Ends every process at once, and resolves when none is left. */
  kill(): Promise<void>;
  /** Stops every process; resolves when they have stopped. */
  freeze(): Promise<void>;
  thaw(): void;
  /** How many processes the kernel has killed for want of memory. */
  outOfMemoryKills(): number;
  /** Is told of each such kill. @returns takes the listener away. */
  onOutOfMemory(listener: (kills: number) => void): () => void;
  /** The pids of every process, those in cgroups of the container's own making too. */
  processes(): number[];
}
