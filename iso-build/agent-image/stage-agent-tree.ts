import { chmod, copyFile, mkdir, readdir, symlink } from "node:fs/promises";
import path from "node:path";
import { libraryClosure } from "./library-closure.ts";

/** What goes into the agent image. */
export interface AgentTreeInput {
  readonly agent: string;
  /** List of the parts of the agent to read ahead; copied as it is. */
  readonly prefetch?: string | undefined;
  /** Program for dhcpcd's events; copied with dhcpcd itself. */
  readonly dhcpEvent?: string | undefined;
  /** Whether mke2fs and mkfs.xfs are copied, for disks that the guest is asked to format. */
  readonly hasFormatters?: boolean | undefined;
  /** Folder of the kernel modules that the agent loads on demand, with their lists; copied to `/modules`. */
  readonly modules?: string | undefined;
}

/** Mount points; the image is read-only, so they must be there. */
const FOLDERS = ["container", "dev", "etc", "proc", "run", "sys", "tmp"] as const;

/** Lays out the agent image's content in `root`: the agent, exactly the libraries that it loads, mount points. */
export async function stageAgentTree(
  input: AgentTreeInput,
  root: string,
  signal?: AbortSignal,
): Promise<void> {
  for (const folder of FOLDERS) await makeFolder(root, folder);
  await place(input.agent, root, "tether", 0o755);
  for (const library of await libraryClosure(input.agent, signal)) {
    // The loader is executed, and one mode for all is simpler than knowing which file it is.
    await place(library, root, library, 0o755);
  }
  if (input.dhcpEvent !== undefined) await placeDhcpClient(input.dhcpEvent, root, signal);
  if (input.hasFormatters === true)
    for (const program of FORMATTERS) await placeProgram(program, root, signal);
  if (input.modules !== undefined) await placeFolder(input.modules, root, "modules");
  if (input.prefetch !== undefined) await place(input.prefetch, root, "prefetch", 0o644);
}

/** Debian's e2fsprogs and xfsprogs (src/init/volumes/format.ts). */
const FORMATTERS = ["/sbin/mke2fs", "/sbin/mkfs.xfs"] as const;

/** A program and the libraries that it loads. */
async function placeProgram(program: string, root: string, signal?: AbortSignal): Promise<void> {
  await place(program, root, program, 0o755);
  for (const library of await libraryClosure(program, signal)) await place(library, root, library, 0o755);
}

/** Debian's dhcpcd-base; where it keeps its state is memory of the agent's (src/init/network/dhcp-client.ts). */
const DHCP_CLIENT = "/usr/sbin/dhcpcd";
const DHCP_STATE = { link: "var/lib/dhcpcd", target: "/run/tether/dhcp/state" };

async function placeDhcpClient(eventProgram: string, root: string, signal?: AbortSignal): Promise<void> {
  await place(DHCP_CLIENT, root, "sbin/dhcpcd", 0o755);
  await place(eventProgram, root, "sbin/dhcp-event", 0o755);
  for (const library of await libraryClosure(DHCP_CLIENT, signal)) await place(library, root, library, 0o755);
  await makeFolder(root, path.dirname(DHCP_STATE.link));
  await symlink(DHCP_STATE.target, path.join(root, DHCP_STATE.link));
}

async function placeFolder(source: string, root: string, target: string): Promise<void> {
  await makeFolder(root, target);
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const [from, to] = [path.join(source, entry.name), path.join(target, entry.name)];
    if (entry.isDirectory()) await placeFolder(from, root, to);
    else await place(from, root, to, 0o644);
  }
}

/** copyFile follows symbolic links: the library's own content lands at the path that the loader opens. */
async function place(source: string, root: string, target: string, mode: number): Promise<void> {
  await makeFolder(root, path.dirname(target));
  const copy = path.join(root, target);
  await copyFile(source, copy);
  await chmod(copy, mode);
}

/** Each folder's mode is set by name: mkdir's is cut by the umask, which is not an input of the build. */
async function makeFolder(root: string, folder: string): Promise<void> {
  let current = root;
  for (const part of folder.split("/").filter((name) => name !== "" && name !== ".")) {
    current = path.join(current, part);
    await mkdir(current, { recursive: true });
    await chmod(current, 0o755);
  }
  await chmod(root, 0o755);
}
