import type { Difference } from "../support/docker-comparison.ts";

/** Every difference between Docker and container VMs that is meant, with its reason. */
export const DIFFERENCES: readonly Difference[] = [
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
      ...["an unknown number", "further groups", "no new privileges"],
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
    surroundings: ["privileged"],
    docker: [/^CapPrm:\t0000003f[ef]{8}$/, /^CapEff:\t0000003f[ef]{8}$/, /^CapBnd:\t0000003f[ef]{8}$/],
    vch: [/^CapPrm:\t000001ff[ef]{8}$/, /^CapEff:\t000001ff[ef]{8}$/, /^CapBnd:\t000001ff[ef]{8}$/],
    reason:
      "Docker 20.10 does not know CAP_PERFMON, CAP_BPF and CAP_CHECKPOINT_RESTORE, which later ones give",
  },
];
