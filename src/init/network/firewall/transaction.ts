import {
  be32,
  nested,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  text,
} from "../netlink.ts";
import { data, type Expression, portBytes } from "./expressions.ts";

/* Messages of nfnetlink's subsystem nf_tables. Numbers are those of linux/netfilter/nfnetlink.h and nf_tables.h. */

const SUBSYSTEM = 10 << 8;
const BATCH_BEGIN = 16;
const BATCH_END = 17;
const NEWTABLE = 0;
const DELTABLE = 2;
const NEWCHAIN = 3;
const NEWRULE = 6;
const NEWSET = 9;
const NEWSETELEM = 12;

const NFPROTO_UNSPEC = 0;
/** Rules for both families. */
const NFPROTO_INET = 1;

const SET_IS_MAP = 0x8;
/** nft's number of the type "inet_service", so that it can show the map. */
const TYPE_PORT = 13;
/** An attribute holds 64 KiB; an element takes 36 bytes. */
const MOST_ELEMENTS = 1024;

/** Where a chain is hooked in (linux/netfilter.h). */
const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3 } as const;
const POLICIES = { drop: 0, accept: 1 } as const;

/** A chain that packets come to by themselves. */
export interface BaseChain {
  readonly name: string;
  readonly type: "filter" | "nat";
  readonly hook: keyof typeof HOOKS;
  readonly priority: number;
  readonly policy: keyof typeof POLICIES;
}

/**
 * A new content for one table, put together message by message: the kernel takes all of it or nothing, and no packet
 * meets a half of it.
 */
export class TableTransaction {
  readonly #table: string;
  readonly #messages: NetlinkMessage[] = [];
  #sets = 0;

  /** @param table what it holds before is gone afterwards. */
  constructor(table: string) {
    this.#table = table;
    // One that is not there cannot be removed.
    this.#add(NEWTABLE, NLM_F_CREATE, text(1, table), be32(2, 0));
    this.#add(DELTABLE, 0, text(1, table));
    this.#add(NEWTABLE, NLM_F_CREATE, text(1, table), be32(2, 0));
  }

  /** The whole transaction. */
  get messages(): NetlinkMessage[] {
    return [batch(BATCH_BEGIN), ...this.#messages, batch(BATCH_END)];
  }

  addBaseChain({ name, type, hook, priority, policy }: BaseChain): void {
    this.#add(
      NEWCHAIN,
      NLM_F_CREATE,
      text(1, this.#table),
      text(3, name),
      nested(4, be32(1, HOOKS[hook]), be32(2, priority)),
      be32(5, POLICIES[policy]),
      text(7, type),
    );
  }

  /** A chain that rules jump to. */
  addChain(name: string): void {
    this.#add(NEWCHAIN, NLM_F_CREATE, text(1, this.#table), text(3, name));
  }

  addRule(chain: string, ...expressions: readonly Expression[]): void {
    this.#add(
      NEWRULE,
      NLM_F_CREATE | NLM_F_APPEND,
      text(1, this.#table),
      text(2, chain),
      nested(4, ...expressions),
    );
  }

  /** A map from ports to ports. @returns its number in this transaction. */
  addPortMap(name: string, ports: ReadonlyArray<readonly [from: number, to: number]>): number {
    this.#sets += 1;
    const id = this.#sets;
    this.#add(
      NEWSET,
      NLM_F_CREATE,
      text(1, this.#table),
      text(2, name),
      be32(3, SET_IS_MAP),
      be32(4, TYPE_PORT),
      be32(5, 2),
      be32(6, TYPE_PORT),
      be32(7, 2),
      be32(10, id),
    );
    for (let at = 0; at < ports.length; at += MOST_ELEMENTS) {
      const elements = ports
        .slice(at, at + MOST_ELEMENTS)
        .map(([from, to]) => nested(1, data(1, portBytes(from)), data(2, portBytes(to))));
      this.#add(
        NEWSETELEM,
        NLM_F_CREATE,
        text(1, this.#table),
        text(2, name),
        be32(4, id),
        nested(3, ...elements),
      );
    }
    return id;
  }

  #add(type: number, flags: number, ...attributes: readonly Buffer[]): void {
    this.#messages.push({
      type: SUBSYSTEM | type,
      flags: flags | NLM_F_ACK,
      payload: Buffer.concat([header(NFPROTO_INET, 0), ...attributes]),
    });
  }
}

function batch(type: number): NetlinkMessage {
  return { type, flags: 0, payload: header(NFPROTO_UNSPEC, SUBSYSTEM >> 8) };
}

/** struct nfgenmsg; the resource's number is in the network's order. */
function header(family: number, resource: number): Buffer {
  return Buffer.of(family, 0, resource >> 8, resource & 0xff);
}
