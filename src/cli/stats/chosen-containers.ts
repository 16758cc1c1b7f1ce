import {
  type ContainerRecord,
  type Execution,
  hasGuest,
  SHORT_ID_LENGTH,
} from "../../portlayer/execution/index.ts";

/** A container whose statistics are wanted. */
export interface Chosen {
  readonly record: Pick<ContainerRecord, "id" | "name" | "image" | "cpus">;
  /** As the user called it, or, when he named none, its short id: as with Docker. */
  readonly called: string;
  readonly shortId: string;
  /** Whether its machine runs, so that there are statistics. */
  readonly isUp: boolean;
}

/** Which containers are wanted. */
export interface Choice {
  /** By their names or ids; none: all that run. */
  readonly references: readonly string[];
  /** Without references, those that do not run as well. */
  readonly isAll: boolean;
}

/**
 * Tells, each time it is called, which containers are wanted now: those that were named as long as they are there, or
 * those that there are.
 */
export type Choose = () => Chosen[];

/** What an execution offers that containers are chosen by. */
export interface ChoosingExecution extends Pick<Execution, "list"> {
  readonly containers: Pick<Execution["containers"], "find">;
}

/** @throws TetherError `no-such-container`. */
export function chooseFrom(execution: ChoosingExecution, { references, isAll }: Choice): Choose {
  const named = references.map((called) => ({ called, id: execution.containers.find(called).id }));
  const chosen = ({ record, state }: ReturnType<Execution["list"]>[number], called?: string): Chosen => {
    const shortId = record.id.slice(0, SHORT_ID_LENGTH);
    return { record, called: called ?? shortId, shortId, isUp: hasGuest({ record, state }) };
  };
  return () => {
    const list = execution.list();
    if (named.length === 0) return list.map((each) => chosen(each)).filter((each) => isAll || each.isUp);
    return named.flatMap(({ id, called }) => {
      const found = list.find(({ record }) => record.id === id);
      return found === undefined ? [] : chosen(found, called);
    });
  };
}
