import { cleanText } from "./clean-text.ts";

/**
 * What became of the container, for whoever looks at the VM from outside: the value of `guestinfo.tether.status` is
 * this record as JSON, its fields in the keys below are copies (docs/reference/guestinfo.md).
 */
export interface StatusRecord {
  /** Of this form; a reader refuses a version that it does not know. */
  readonly version: 1;
  readonly agent: string;
  /** The last start-up stage that was reached. */
  readonly stage: string;
  readonly state: "starting" | "running" | "restarting" | "exited" | "failed";
  readonly hostname?: string;
  /** By vNIC, with prefix lengths: `{"eth0":["192.0.2.7/24"]}`. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  readonly pid?: number;
  /** Of the process that ended last; exactly one of the two once one has ended. */
  readonly exitCode?: number;
  readonly signal?: string;
  readonly outOfMemory?: boolean;
  /** ISO 8601, UTC. */
  readonly started?: string;
  readonly stopped?: string;
  readonly restarts: number;
  readonly error?: { readonly code: string; readonly message: string };
  /** What became of the last newer document that was found in guestinfo. */
  readonly reload?: {
    /** ISO 8601, UTC. */
    readonly time: string;
    /** `add interfaces[eth1]`; empty when it said nothing new. */
    readonly changes?: readonly string[];
    readonly error?: { readonly code: string; readonly message: string };
  };
  /** `readable`: the document was not sealed, and the container can read it. */
  readonly secrets?: "erased" | "readable";
}

/** The keys of the copies, without `guestinfo.tether.status.`, and their values; undefined for what is not there. */
export function copiesOf(record: StatusRecord): Map<string, string | undefined> {
  const copies = new Map<string, string | undefined>([
    ["agent", record.agent],
    ["stage", record.stage],
    ["state", record.state],
    ["hostname", record.hostname],
    ["exit_code", record.exitCode?.toString()],
    ["signal", record.signal],
    ["started", record.started],
    ["stopped", record.stopped],
    ["restarts", String(record.restarts)],
    ["error", record.error && `${record.error.code}: ${record.error.message}`],
    ["secrets", record.secrets],
    ["reload", record.reload && describeReload(record.reload)],
  ]);
  for (const [name, addresses] of Object.entries(record.addresses))
    copies.set(`addresses.${name.replaceAll(/[^A-Za-z0-9_.-]/g, "_")}`, addresses.join(" "));
  return copies;
}

function describeReload({ changes = [], error }: NonNullable<StatusRecord["reload"]>): string {
  if (error !== undefined) return `${error.code}: ${error.message}`;
  return changes.length === 0 ? "nothing changed" : cleanText(changes.join(", "));
}
