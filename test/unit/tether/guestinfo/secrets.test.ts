import assert from "node:assert/strict";
import {
  CONFIGURATION_KEY,
  makeSealKey,
  openSealed,
  parseSealKey,
  PLAIN_ACCEPTED,
  PLAIN_KEY,
  SEAL_KEY,
  sealText,
  splitText,
} from "../../../../src/protocol/guestinfo/index.ts";
import { runOnVmware } from "../../../support/vmware/agent-code.ts";
import { VmwareHost } from "../../../support/vmware/emulator.ts";
import { RPCTOOL } from "../../../support/vmware/peers.ts";

const SECRET = "-----BEGIN OPENSSH PRIVATE KEY-----";
const DOCUMENT = Buffer.from(SECRET);

/** What the container's process finds when it asks the host for every key. */
type Found = Record<string, string>;

describe("the secrets of a configuration in guestinfo", function () {
  this.timeout(60_000);
  let host: VmwareHost;
  let key: string;
  beforeEach(() => {
    host = new VmwareHost();
    key = makeSealKey();
    host.set(SEAL_KEY, key);
    host.set(CONFIGURATION_KEY, sealText(DOCUMENT, parseSealKey(key) ?? Buffer.alloc(0)));
  });
  afterEach(() => host[Symbol.dispose]());

  /** VMware's own client as the container's process, behind what the agent has done. */
  const askForEverything = async (agent: string, options: readonly string[] = []): Promise<Found> => {
    const keys = JSON.stringify([...host.keys, "guestinfo.tether.status"]);
    const source = `${agent}
      const ask = (key) => asNobody("${RPCTOOL}", "info-get " + key);
      result(Object.fromEntries(${keys}.map((key) => [key, ask(key).stdout + ask(key).stderr])));`;
    return (await runOnVmware(host, source, options)) as Found;
  };

  const READ = `
    const document = await new GuestinfoSource(guestinfo, keyFile).read();
    if (Buffer.from(document).toString() !== ${JSON.stringify(SECRET)}) throw new Error("not the document");`;

  it("could be read by whoever runs in the VM, were nothing done about it", async () => {
    const found = await askForEverything("");
    const opened = openSealed(
      found[CONFIGURATION_KEY]?.trim() ?? "",
      parseSealKey(found[SEAL_KEY]?.trim() ?? "") ?? Buffer.alloc(0),
    );
    assert.deepEqual(opened, DOCUMENT);
  });

  it("are out of the container's reach once the agent has read them", async () => {
    const found = await askForEverything(READ);
    assert.equal(found[SEAL_KEY]?.trim(), "");
    assert.match(found[CONFIGURATION_KEY] ?? "", /^sealed:v1:/);
    const everything = JSON.stringify(found);
    assert.ok(!everything.includes(key) && !everything.includes("OPENSSH"));
    assert.ok(host.keys.every((name) => !host.get(name)?.includes(key)));
  });

  it("are out of its reach also when the document is in parts", async () => {
    const long = Buffer.from(SECRET.repeat(5000));
    for (const part of splitText(CONFIGURATION_KEY, sealText(long, parseSealKey(key) ?? Buffer.alloc(0))))
      host.set(part.key, part.value);
    const agent = `
      const document = await new GuestinfoSource(guestinfo, keyFile).read();
      if (document.length !== ${long.length}) throw new Error("not the document");`;
    const found = await askForEverything(agent);
    assert.equal(Object.keys(found).filter((name) => name.startsWith(`${CONFIGURATION_KEY}.`)).length, 4);
    assert.ok(!JSON.stringify(found).includes(key));
  });

  it("cannot be set by the container: neither the document nor that a plain one is accepted", async () => {
    const source = `${READ}
      const set = (key) => asNobody("${RPCTOOL}", "info-set " + key + " ${PLAIN_ACCEPTED}").status;
      result(["${CONFIGURATION_KEY}", "${CONFIGURATION_KEY}.1", "${PLAIN_KEY}"].map(set));`;
    assert.deepEqual(await runOnVmware(host, source), [1, 1, 1]);
    assert.match(host.get(CONFIGURATION_KEY) ?? "", /^sealed:v1:/);
    assert.equal(host.get(PLAIN_KEY), undefined);
  });

  it("are not given away by a key of the container's own making: its document is not opened", async () => {
    const source = `${READ}
      asNobody("${RPCTOOL}", "info-set ${SEAL_KEY} ${makeSealKey()}");
      result(await attempt(() => new GuestinfoSource(guestinfo, keyFile).read()));`;
    const refused = (await runOnVmware(host, source)) as { message: string };
    assert.match(refused.message, /was not sealed with the key of this VM/);
  });

  it("are not even asked for by the container where the host restricts the backdoor", async () => {
    const found = await askForEverything(READ, ["restricted"]);
    for (const text of Object.values(found)) assert.match(text, /must be run inside a virtual machine|^$/);
  });
});
