import type { PseudoTtyInfo, ServerChannel, Session as SshSession } from "ssh2";
import { type ArchiveCommand, parseArchiveCommand } from "../protocol/archive-commands.ts";
import { CONTROL_SUBSYSTEM } from "../protocol/link-names.ts";
import type { Session } from "../session/index.ts";
import { attachChannel } from "./attach-channel.ts";
import { parseAttach } from "./attach-command.ts";
import { serveControl } from "./control-channel.ts";
import type { Detachments, ServedAgent } from "./ssh-server.ts";
import type { UserServices } from "./user-services.ts";

/** Serves one channel of the endpoint: the control subsystem, an attachment, or an archive that is copied. */
export function serveEndpointSession(ssh: SshSession, agent: ServedAgent, detachments: Detachments): void {
  let window: PseudoTtyInfo | undefined;
  let attached: Session | undefined;
  ssh.on("subsystem", (accept, reject, info) => {
    if (info.name === CONTROL_SUBSYSTEM) serveControl(accept(), agent.control);
    else reject();
  });
  ssh.on("pty", (accept, _reject, info) => {
    window = info;
    accept?.();
  });
  ssh.on("window-change", (accept, _reject, info) => {
    attached?.resize({ columns: info.cols, rows: info.rows });
    accept?.();
  });
  ssh.on("exec", (accept, reject, info) => {
    const channel = serveCommand(info.command, agent, detachments, accept);
    if (channel === undefined) reject();
    else attached = channel.session;
    if (window !== undefined && attached?.isTerminal === true)
      attached.resize({ columns: window.cols, rows: window.rows });
  });
}

/** @returns undefined for a command that does not exist, or whose session does not. */
function serveCommand(
  command: string,
  { sessions, services }: ServedAgent,
  detachments: Detachments,
  accept: () => ServerChannel,
): { readonly session: Session | undefined } | undefined {
  const attach = parseAttach(command);
  const archive = attach === undefined ? parseArchiveCommand(command) : undefined;
  if (archive !== undefined && services !== undefined) {
    void serveArchiveLazily(accept(), archive, services);
    return { session: undefined };
  }
  const entry = sessions?.entries.find(({ id }) => id === attach?.sessionId);
  if (attach === undefined || entry === undefined) return undefined;
  detachments.push(attachChannel(accept(), entry.session, attach));
  return { session: entry.session };
}

/** Copying is rare, and its code is not needed by a start. */
async function serveArchiveLazily(
  channel: ServerChannel,
  command: ArchiveCommand,
  services: UserServices,
): Promise<void> {
  const { serveArchive } = await import("./archive-channel.ts");
  await serveArchive(channel, command, services.files());
}
