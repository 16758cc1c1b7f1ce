import type { Rule } from "./read-profile.ts";

/** Calls that 32-bit x86 can make by way of socketcall(2) too, by their numbers there (linux/net.h). */
const SOCKET_CALLS =
  "socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom \
shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg".split(/\s+/);

/** The same for ipc(2) (linux/ipc.h). */
const IPC_CALLS: Readonly<Record<string, number>> = {
  ...{ semop: 1, semget: 2, semctl: 3, semtimedop: 4, msgsnd: 11, msgrcv: 12, msgget: 13, msgctl: 14 },
  ...{ shmat: 21, shmdt: 22, shmget: 23, shmctl: 24 },
};

/**
 * The rule, and what it says of calls that go by way of another: libseccomp does so, too. Their arguments are behind a
 * pointer, out of a filter's reach: rules with conditions on them are left out.
 */
export function multiplexedRules(rule: Rule): readonly Rule[] {
  if (rule.alternatives.some((conditions) => conditions.length > 0)) return [rule];
  const by = (name: string, number: number): Rule => {
    const condition = { index: 0, operator: "SCMP_CMP_EQ", value: BigInt(number), valueTwo: 0n } as const;
    return { names: [name], action: rule.action, alternatives: [[condition]] };
  };
  const further = rule.names.flatMap((name) => {
    const socketCall = SOCKET_CALLS.indexOf(name) + 1;
    const ipcCall = IPC_CALLS[name];
    if (socketCall > 0) return by("socketcall", socketCall);
    return ipcCall === undefined ? [] : by("ipc", ipcCall);
  });
  return [rule, ...further];
}
