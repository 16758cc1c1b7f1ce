import { hostname } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { openStateFolder } from "../portlayer/execution/index.ts";
import { collect } from "./run-options.ts";
import { SignalProxy } from "./signal-proxy.ts";

interface CertsOptions {
  readonly host: readonly string[];
}

const THIS_MACHINE = ["localhost", "127.0.0.1", "::1"];

/** Adds `vch certs`. */
export function addCertsCommand(program: Command): void {
  program
    .command("certs")
    .description("Make the certificates with which `vch serve` and its clients know each other")
    .argument("[folder]", "where; an authority in it stays (STATE/certs)")
    .option("--host <name>", "under which clients know this machine, besides its own name", collect, [])
    .action(async (folder: string | undefined, { host }: CertsOptions) => {
      const target = resolve(folder ?? join(openStateFolder(process.env).root, "certs"));
      const { CERTIFICATE_FILES: files, makeCertificates } = await import(
        "../endpoint/tls/make-certificates.ts"
      );
      const hosts = [...new Set([...host, hostname(), ...THIS_MACHINE])];
      using signals = new SignalProxy();
      await makeCertificates({ folder: target, hosts, signal: signals.abort });
      const at = (name: string): string => join(target, name);
      process.stdout.write(
        [
          `vch serve -H tcp://0.0.0.0:2376 --tlsverify --tlscacert ${at(files.authority)} --tlscert ${at(files.server)} --tlskey ${at(files.serverKey)}`,
          `export DOCKER_HOST=tcp://${hosts[0]}:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=${target}`,
          "",
        ].join("\n"),
      );
    });
}
