import type { Command } from "commander";
import type { Context } from "../context.ts";
import { watchOutputs } from "../output-errors.ts";
import { parseDuration } from "../parse-duration.ts";
import { SignalProxy } from "../signal-proxy.ts";
import { chooseFrom } from "../stats/chosen-containers.ts";

/** Docker's own metrics, where they are switched on, have this port. */
const DEFAULT_ADDRESS = "127.0.0.1:9323";

interface MetricsOptions {
  readonly listen: string;
  readonly allowRemote?: true;
  readonly interval: number;
}

/** Adds `vch metrics`. */
export function addMetricsCommand(program: Command, context: Context): void {
  program
    .command("metrics")
    .description("Serve statistics of all container VMs that run to Prometheus, until ^C")
    .option("--listen <address:port>", "where", DEFAULT_ADDRESS)
    .option("--allow-remote", "also on an address that other machines reach: nobody is asked who he is")
    .option("--interval <time>", "how often each guest is asked: 100ms to 1h", parseDuration, 5_000)
    .action(async (options: MetricsOptions) => {
      // Its code is loaded for this command only.
      const { serveMetrics } = await import("./serve-metrics.ts");
      const { parseListenAddress } = await import("./listen-address.ts");
      using signals = new SignalProxy(false);
      using _outputs = watchOutputs((reason) => signals.end(reason));
      // A guest that hangs, and is still being asked, does not hold its end up.
      context.leaveMachines();
      const execution = context.openExecution();
      await serveMetrics({
        choose: chooseFrom(execution, { references: [], isAll: false }),
        open: (id, signal) => execution.openStatistics(id, signal),
        address: parseListenAddress(options.listen, options.allowRemote === true),
        intervalMs: options.interval,
        onListening: (url) => void process.stdout.write(`${url}\n`),
        signal: signals.abort,
      });
    });
}
