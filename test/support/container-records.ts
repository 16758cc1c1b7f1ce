import type { ContainerRecord } from "../../src/portlayer/execution/index.ts";

/** A container's record with an id of one repeated digit or of the given beginning. */
export function containerRecord(idStart: string, changes: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    version: 2,
    id: idStart.padEnd(64, "0"),
    name: "",
    image: "oci:demo",
    imageDigest: "sha256:1",
    command: ["/bin/true"],
    created: "2026-01-01T00:00:00.000Z",
    tty: false,
    memoryBytes: 1024,
    cpus: 2,
    ...changes,
  };
}
