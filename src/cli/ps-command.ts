import type { Command } from "commander";
import {
  describeAge,
  describePorts,
  describeStatus,
  isUp,
  type KnownContainer,
  makeFilter,
  type MountSettings,
  networkNames,
  reachedInterfaces,
  SHORT_ID_LENGTH,
} from "../portlayer/execution/index.ts";
import type { Context } from "./context.ts";
import { formatTable } from "./format-table.ts";
import { fillTemplate } from "./go-template.ts";
import { collect, parseCount } from "./run-options.ts";

/** Docker's widths of a command and of a mount in `ps`. */
const COMMAND_WIDTH = 20;
const MOUNT_WIDTH = 15;

interface PsOptions {
  readonly all?: true;
  readonly quiet?: true;
  readonly trunc: boolean;
  readonly filter: readonly string[];
  readonly format?: string;
  readonly latest?: true;
  readonly last?: number;
}

/** Adds `vch ps`. */
export function addPsCommand(program: Command, context: Context): void {
  program
    .command("ps")
    .description("List container VMs")
    .option("-a, --all", "show the ended ones too")
    .option("-q, --quiet", "show ids only")
    .option("--no-trunc", "do not shorten ids and commands")
    .option(
      "-f, --filter <name=value>",
      "id, name, status, exited, ancestor, health, label, before, since",
      collect,
      [],
    )
    .option("--format <template>", "json, or a Go template of ID, Image, Command, CreatedAt, Status, Names …")
    .option("-l, --latest", "show the latest one only")
    .option("-n, --last <number>", "show so many of the latest", parseCount)
    .action((options: PsOptions) => {
      const rows = select(context.openExecution().list(), options).map((each) =>
        describe(each, options.trunc),
      );
      process.stdout.write(
        format(rows, options)
          .map((line) => `${line}\n`)
          .join(""),
      );
    });
}

/** Newest first. Whoever asks for a state or for the latest ones wants the ended ones, too. */
function select(all: readonly KnownContainer[], options: PsOptions): KnownContainer[] {
  const { filter, latest, last = latest === true ? 1 : undefined } = options;
  const isAll =
    options.all === true || last !== undefined || filter.some((each) => /^(status|exited)=/.test(each));
  return all
    .filter(makeFilter(filter, all))
    .filter(({ state }) => isAll || isUp(state))
    .reverse()
    .slice(0, last);
}

/** A row, with Docker's names of its columns. */
interface Row {
  readonly ID: string;
  readonly Image: string;
  readonly Command: string;
  readonly CreatedAt: string;
  readonly RunningFor: string;
  readonly Status: string;
  readonly Names: string;
  readonly State: string;
  readonly Labels: string;
  readonly Ports: string;
  readonly Mounts: string;
  readonly Networks: string;
  readonly LocalVolumes: string;
  readonly Size: string;
}

const TABLE = ["ID", "Image", "Command", "RunningFor", "Status", "Names"] as const;
const TITLES: Readonly<Record<string, string>> = {
  ID: "CONTAINER ID",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  LocalVolumes: "LOCAL VOLUMES",
};

function describe({ record, state }: KnownContainer, isTruncated: boolean): Row {
  const { interfaces = [], mounts = [] } = record.settings ?? {};
  return {
    ID: isTruncated ? record.id.slice(0, SHORT_ID_LENGTH) : record.id,
    Image: record.image,
    Command: quoteCommand(record.command, isTruncated),
    CreatedAt: record.created.replace("T", " ").replace(/\.\d+Z$/, " +0000 UTC"),
    RunningFor: `${describeAge(record.created)} ago`,
    Status: describeStatus({ record, state }),
    Names: record.name,
    State: state.status,
    Labels: Object.entries(record.settings?.labels ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
    // As with Docker, of one that runs.
    Ports: isUp(state) ? describePorts(reachedInterfaces(interfaces, record.machine?.ports)) : "",
    Mounts: mounts.flatMap((mount) => nameOfMount(mount, isTruncated)).join(","),
    Networks: interfaces.length === 0 ? "none" : networkNames(interfaces).join(","),
    LocalVolumes: String(mounts.filter(({ kind }) => kind === "volume").length),
    Size: "0B",
  };
}

/** Docker's: a volume's name, or what of this machine is mounted; not memory. */
function nameOfMount(mount: MountSettings, isTruncated: boolean): string[] {
  if (mount.kind === "tmpfs") return [];
  const name = mount.kind === "volume" ? mount.name : mount.source;
  return [isTruncated && name.length > MOUNT_WIDTH ? `${name.slice(0, MOUNT_WIDTH - 1)}…` : name];
}

function format(rows: readonly Row[], options: PsOptions): string[] {
  const { quiet, format: template } = options;
  if (quiet === true) return rows.map(({ ID }) => ID);
  if (template === "json") return rows.map((row) => JSON.stringify(row));
  if (template === undefined || template === "table")
    return formatTable([header(TABLE), ...rows.map((row) => TABLE.map((name) => row[name]))]);
  const columns = /^table\s+(.*)$/s.exec(template)?.[1];
  if (columns === undefined) return rows.map((row) => fillTemplate(template, row));
  const names = [...columns.matchAll(/\{\{\s*\.(\w+)\s*\}\}/g)].map(([, name = ""]) => name);
  return formatTable([header(names), ...rows.map((row) => fillTemplate(columns, row).split("\t"))]);
}

function header(names: readonly string[]): string[] {
  return names.map((name) => TITLES[name] ?? name.toUpperCase());
}

function quoteCommand(command: readonly string[], isTruncated: boolean): string {
  const text = command.join(" ").replaceAll(/\s+/g, " ");
  return `"${isTruncated && text.length > COMMAND_WIDTH ? `${text.slice(0, COMMAND_WIDTH - 1)}…` : text}"`;
}
