import { type ByteString, type FileCalls, fromBytes, toBytes } from "../protocol/archive/index.ts";
import type { System } from "../system/system.ts";
import { hasCode } from "../protocol/errors/index.ts";

/** {@link FileCalls} on the agent's system calls. */
export function systemFileCalls(system: System): FileCalls {
  return {
    listAttributes: (descriptor) => listAttributes(system, descriptor),
    getAttribute: (descriptor, name) => system.getAttribute(descriptor, toBytes(name)),
    setAttribute: (descriptor, name, value) => {
      try {
        system.setAttribute(descriptor, toBytes(name), value);
      } catch (error) {
        // As with Docker: a file system without attributes gets the file without them; links have no user.*.
        if (
          !hasCode(error, "ENOTSUP", "EOPNOTSUPP") &&
          !(hasCode(error, "EPERM") && name.startsWith("user."))
        )
          throw error;
      }
    },
    setModified: (descriptor, modifiedNs) => system.setTimes(descriptor, undefined, modifiedNs),
    makeNode: (directory, name, mode, major, minor) =>
      system.makeNode(directory, toBytes(name), mode, major, minor),
    seekData: (descriptor, offset) => system.seekData(descriptor, offset),
    seekHole: (descriptor, offset) => system.seekHole(descriptor, offset),
  };
}

function listAttributes(system: System, descriptor: number): ByteString[] {
  try {
    return fromBytes(system.listAttributes(descriptor))
      .split("\0")
      .filter((name) => name !== "");
  } catch (error) {
    // /proc, or a list that has grown beyond what the kernel hands out.
    if (hasCode(error, "ENOTSUP", "EOPNOTSUPP", "E2BIG")) return [];
    throw error;
  }
}
