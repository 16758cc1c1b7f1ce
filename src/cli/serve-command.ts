import { once } from "node:events";
import { join } from "node:path";
import { type Command, Option } from "commander";
import type { Endpoint, EndpointAddress, Log, TcpProtection, Tls, TlsFiles } from "../endpoint/index.ts";
import { openStateFolder, type StartKind } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { Context } from "./context.ts";
import { collect } from "./run-options.ts";
import { VCH_VERSION } from "./version.ts";

/** What `vch serve` needs, which only one of the two bundles has: it is a third of its code. */
export interface EndpointModule {
  readonly Endpoint: Pick<typeof Endpoint, "open">;
  readonly parseEndpointAddress: (text: string, protection: TcpProtection) => EndpointAddress;
  readonly readTls: (files: TlsFiles) => Tls;
  readonly makeLog: (isVerbose: boolean) => Log;
}

interface ServeOptions {
  readonly host: readonly string[];
  readonly start: StartKind;
  readonly allowPlainTcp?: true;
  readonly tlsverify?: true;
  readonly tlscacert?: string;
  readonly tlscert?: string;
  readonly tlskey?: string;
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Adds `vch serve`. */
export function addServeCommand(
  program: Command,
  context: Context,
  endpoint: EndpointModule | undefined,
): void {
  program
    .command("serve")
    .description("Serve the Docker API: the docker command runs container VMs")
    .option(
      "-H, --host <address>",
      "where: unix://PATH, tcp://ADDRESS:PORT or fd:// (unix://STATE/vch.sock)",
      collect,
      [],
    )
    .option("--allow-plain-tcp", "without TLS, on the loopback: every user of this machine can use it")
    .addOption(
      new Option("--start <kind>", "containers go on from a template of the same shape, or boot")
        .choices(["forked", "cold"])
        .default("forked"),
    )
    .option("--tlsverify", "TCP with TLS, for clients with a certificate of --tlscacert's")
    .option("--tlscacert <file>", "the authority of the clients' certificates")
    .option("--tlscert <file>", "the endpoint's certificate")
    .option("--tlskey <file>", "the endpoint's key")
    .action(async (options: ServeOptions) => {
      const { host } = options;
      if (endpoint === undefined)
        throw new TetherError(
          "internal",
          "this vch was started without its endpoint (src/cli/main-serve.ts)",
        );
      const { root } = openStateFolder(process.env);
      const texts = host.length > 0 ? host : [`unix://${join(root, "vch.sock")}`];
      const protection = protectionOf(options);
      const addresses = texts.map((text) => endpoint.parseEndpointAddress(text, protection));
      await serve(endpoint, addresses, context, {
        ...{
          root,
          start: options.start,
          tls: protection === "tls" ? endpoint.readTls(tlsFiles(options)) : undefined,
        },
        isVerbose: program.opts<{ verbose?: true }>().verbose === true,
      });
      // Whatever still waits for a guest is not waited for.
      context.leaveMachines();
    });
}

function protectionOf({ tlsverify, allowPlainTcp, ...files }: ServeOptions): TcpProtection {
  const { tlscacert, tlscert, tlskey } = files;
  if (tlsverify !== true && (tlscacert ?? tlscert ?? tlskey) !== undefined)
    throw new TetherError("usage", "--tlscacert, --tlscert and --tlskey need --tlsverify");
  if (tlsverify === true && allowPlainTcp === true)
    throw new TetherError("usage", "--tlsverify and --allow-plain-tcp exclude each other");
  if (tlsverify === true) return "tls";
  return allowPlainTcp === true ? "plain" : "none";
}

function tlsFiles({ tlscacert, tlscert, tlskey }: ServeOptions): TlsFiles {
  if (tlscacert === undefined || tlscert === undefined || tlskey === undefined)
    throw new TetherError(
      "usage",
      "--tlsverify needs --tlscacert, --tlscert and --tlskey (vch certs makes them)",
    );
  return { authority: tlscacert, certificate: tlscert, key: tlskey };
}

async function serve(
  { Endpoint: Served, makeLog }: EndpointModule,
  addresses: readonly EndpointAddress[],
  context: Context,
  {
    root,
    start,
    tls,
    isVerbose,
  }: {
    readonly root: string;
    readonly start: StartKind;
    readonly tls: Tls | undefined;
    readonly isVerbose: boolean;
  },
): Promise<void> {
  const log = makeLog(isVerbose);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const name of SIGNALS) process.on(name, onSignal);
  const execution = context.openExecution(true);
  {
    const parts = { execution, root, version: VCH_VERSION, start, log, tls };
    await using served = await Served.open(parts, addresses);
    log.info({ addresses: served.addresses, root }, "serving");
    const verify = tls !== undefined && addresses[0]?.kind === "tcp" ? " DOCKER_TLS_VERIFY=1" : "";
    process.stdout.write(`export DOCKER_HOST=${served.addresses[0] ?? ""}${verify}\n`);
    if (!stop.signal.aborted) await once(stop.signal, "abort");
    log.info({}, "ending: container VMs go on");
  }
  await execution.letGo();
  for (const name of SIGNALS) process.off(name, onSignal);
}
