import { spawn } from "node:child_process";
import { constants } from "node:os";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import type { SshAccess } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { Context } from "./context.ts";

/** The hidden command that OpenSSH reaches a container VM through. */
const PROXY = "ssh-proxy";

/** Adds `vch ssh`, and what it needs. */
export function addSshCommand(program: Command, context: Context): void {
  program
    .command("ssh")
    .usage("[OPTIONS] CONTAINER [COMMAND] [ARG...]")
    .description("Open a shell in a running container VM by OpenSSH, or run a command")
    .argument("<container>", "name, id or beginning of an id")
    .argument("[command...]", "a command for the container's shell")
    .passThroughOptions()
    .option("--config", "print a configuration for OpenSSH: vch ssh --config web >>~/.ssh/config; ssh web")
    .option("-l, --login <user>", "user in the container; its own by default")
    .action(async (reference: string, command: string[], options: { config?: true; login?: string }) => {
      const access = await context.openExecution().ssh(reference);
      const settings = describeOptions({ ...access, user: options.login ?? access.user }, context.program);
      if (options.config === true) process.stdout.write(formatConfiguration(access, settings));
      else process.exitCode = await runSsh(access, settings, command);
    });
  program
    .command(PROXY, { hidden: true })
    .argument("<container>")
    .action(async (reference: string) => {
      await using link = await context.openExecution().openLink(reference);
      const { socket } = link;
      await Promise.race([
        pipeline(process.stdin, socket).catch(() => {
          // OpenSSH has gone, or the guest: the other direction tells.
        }),
        pipeline(socket, process.stdout, { end: false }),
      ]);
      socket.destroy();
      process.stdin.destroy();
    });
}

/** OpenSSH's options (ssh_config(5)), in order. */
function describeOptions(
  access: SshAccess,
  program: readonly string[],
): ReadonlyArray<readonly [string, string]> {
  const environment = process.env["VCH_STATE"];
  const proxy = [
    ...(environment === undefined ? [] : ["env", `VCH_STATE=${environment}`]),
    ...program,
    PROXY,
    access.id,
  ];
  return [
    ["HostName", access.name],
    ["User", access.user],
    ["ProxyCommand", proxy.map(quoteForShell).join(" ")],
    ["IdentityFile", quoteForSsh(access.identityFile)],
    ["IdentitiesOnly", "yes"],
    ["UserKnownHostsFile", quoteForSsh(access.knownHostsFile)],
    ["GlobalKnownHostsFile", "/dev/null"],
    ["HostKeyAlias", access.hostKeyAlias],
    ["StrictHostKeyChecking", "yes"],
    ["HostKeyAlgorithms", "ssh-ed25519"],
    ["UpdateHostKeys", "no"],
    ["ForwardAgent", "no"],
  ];
}

function formatConfiguration({ name }: SshAccess, options: ReadonlyArray<readonly [string, string]>): string {
  return [`Host ${name}`, ...options.map(([option, value]) => `  ${option} ${value}`), ""].join("\n");
}

function runSsh(
  { name }: SshAccess,
  options: ReadonlyArray<readonly [string, string]>,
  command: readonly string[],
): Promise<number> {
  const flags = options.flatMap(([option, value]) => ["-o", `${option}=${value}`]);
  const words = command[0] === "--" ? command.slice(1) : command;
  // Not the user's own configuration, in which this container's name may mean something else.
  const child = spawn("ssh", ["-F", "/dev/null", ...flags, "--", name, ...words], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(TetherError.from(error, "tool-missing", "starting ssh (apt-get install openssh-client)")),
    );
    child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
  });
}

/** Double quotes hold spaces together; `%` begins one of OpenSSH's tokens. */
function quoteForSsh(path: string): string {
  return `"${path.replaceAll("%", "%%")}"`;
}

/** The user's shell executes the command, after OpenSSH has replaced its tokens. */
function quoteForShell(word: string): string {
  const escaped = word.replaceAll("%", "%%");
  return /^[\w./=:@+,-]+$/.test(escaped) ? escaped : `'${escaped.replaceAll("'", `'\\''`)}'`;
}
