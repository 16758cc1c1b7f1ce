import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  CONFIGURATION_KEY,
  makeSealKey,
  parseSealKey,
  PLAIN_ACCEPTED,
  PLAIN_KEY,
  SEAL_KEY,
  sealText,
  splitText,
} from "../../../../src/protocol/guestinfo/index.ts";
import { FileSource } from "../../../../src/tether/configuration/file-source.ts";
import { findConfiguration, findFirst } from "../../../../src/tether/configuration/find-configuration.ts";
import { FwCfgSource } from "../../../../src/tether/configuration/fw-cfg-source.ts";
import { GuestinfoSource } from "../../../../src/tether/configuration/guestinfo-source.ts";
import { GuestInfo } from "../../../../src/tether/guestinfo/index.ts";
import { SystemCallError } from "../../../../src/system/system-call-error.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import {
  describeConfigurationSource,
  type SourceUnderTest,
} from "../../../support/configuration-source-suite.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";
import { RecordingSystem } from "../../../support/recording-system.ts";
import { FakeGuestinfo } from "../../../support/vmware/fake-guestinfo.ts";

const nothing = (): void => {};

describeConfigurationSource("fw_cfg", () => {
  let item: (() => Uint8Array) | undefined;
  const system = new RecordingSystem().answer("readFwCfg", (name) =>
    name === "opt/tether/config" ? item?.() : undefined,
  );
  return {
    source: new FwCfgSource(system),
    put: (document) => void (item = document && (() => document)),
    spoil: () => {
      item = () => {
        throw new SystemCallError("EPERM", -1, "ioperm", "Operation not permitted");
      };
    },
    [Symbol.dispose]: nothing,
  };
});

/** Sets keys as the host does: the parts first. */
function set(host: FakeGuestinfo, text: string | undefined): void {
  host.keys.delete(CONFIGURATION_KEY);
  if (text === undefined) return;
  for (const { key, value } of splitText(CONFIGURATION_KEY, text)) host.keys.set(key, value);
}

function guestinfo(encode: (host: FakeGuestinfo, document: Uint8Array) => string): SourceUnderTest {
  const host = new FakeGuestinfo();
  const folder = mkdtempSync(join(tmpdir(), "tether-source-"));
  return {
    source: new GuestinfoSource(new GuestInfo(host.rpci), join(folder, "state", "key")),
    put: (document) => set(host, document && encode(host, document)),
    spoil: () => {
      const text = host.keys.get(CONFIGURATION_KEY) ?? "";
      host.keys.set(CONFIGURATION_KEY, `${text.slice(0, 12)}!${text.slice(13)}`);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

describeConfigurationSource("guestinfo, sealed", () =>
  guestinfo((host, document) => {
    const key = makeSealKey();
    host.keys.set(SEAL_KEY, key);
    return sealText(document, parseSealKey(key) ?? Buffer.alloc(0));
  }),
);

describeConfigurationSource("guestinfo, plain where that is accepted", () =>
  guestinfo((host, document) => {
    host.keys.set(PLAIN_KEY, PLAIN_ACCEPTED);
    return Buffer.from(document).toString("base64");
  }),
);

function file(name: string, encode: (document: Uint8Array) => string | Uint8Array): SourceUnderTest {
  const folder = mkdtempSync(join(tmpdir(), "tether-source-"));
  const path = join(folder, name);
  let commandLine = "";
  const put = (document: Uint8Array | undefined): void => {
    if (document !== undefined) writeFileSync(path, encode(document));
    commandLine =
      document === undefined ? "quiet" : `quiet tether.config=${name === "config" ? folder : path}`;
  };
  return {
    // The command line stays as it is while a machine runs.
    source: {
      name: new FileSource(new RecordingSystem(), "").name,
      read: () => new FileSource(new RecordingSystem(), commandLine).read(),
    },
    put,
    spoil: () => rmSync(path),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

describeConfigurationSource("a file", () => file("document", (document) => document));
describeConfigurationSource("a folder", () => file("config", (document) => document));
describeConfigurationSource("a file of base64", () =>
  file("document", (document) => `${Buffer.from(document).toString("base64")}\n`),
);

describe("the configuration in guestinfo", () => {
  const folder = useTemporaryFolder();
  let host: FakeGuestinfo;
  let source: GuestinfoSource;
  const document = gzipSync("a document");
  beforeEach(() => {
    host = new FakeGuestinfo();
    source = sourceOf(folder.path);
  });

  const sourceOf = (path: string) => new GuestinfoSource(new GuestInfo(host.rpci), join(path, "seal-key"));

  function seal(): string {
    const key = makeSealKey();
    host.keys.set(SEAL_KEY, key);
    set(host, sealText(document, parseSealKey(key) ?? Buffer.alloc(0)));
    return key;
  }

  it("loses its key as soon as it was read", async () => {
    const key = seal();
    await source.read();
    assert.equal(host.keys.get(SEAL_KEY), " ");
    assert.equal(source.isReadable, false);
    assert.ok(![...host.keys.values()].some((value) => value.includes(key)));
  });

  it("is not used when the host does not let its key be erased", async () => {
    seal();
    host.answer = (request) => (request.startsWith("info-set") ? "0 Permission denied" : undefined);
    await assert.rejects(source.read(), catalogueError("guest-initialisation", /guestinfo\.tether\.key/));
    // It says that it was erased, and keeps it.
    host.answer = (request) => (request.startsWith("info-set") ? "1 " : undefined);
    await assert.rejects(source.read(), catalogueError("guest-initialisation", /still there/));
  });

  it("opens a newer generation with the key that it has had", async () => {
    const key = seal();
    await source.read();
    set(host, sealText(gzipSync("newer"), parseSealKey(key) ?? Buffer.alloc(0)));
    assert.deepEqual(await source.read(), gzipSync("newer"));
    // So does an agent that takes over.
    assert.deepEqual(await sourceOf(folder.path).read(), gzipSync("newer"));
    assert.equal(statSync(join(folder.path, "seal-key")).mode & 0o777, 0o600);
  });

  it("is refused when nobody gave the key, or it is another's", async () => {
    seal();
    host.keys.delete(SEAL_KEY);
    await assert.rejects(source.read(), catalogueError("guest-initialisation", /holds no key/));
    host.keys.set(SEAL_KEY, makeSealKey());
    await assert.rejects(source.read(), catalogueError("guest-initialisation", /not sealed with the key/));
  });

  it("is refused when it is not sealed and nobody said that this is accepted", async () => {
    set(host, document.toString("base64"));
    await assert.rejects(source.read(), catalogueError("guest-initialisation", /is not sealed/));
    host.keys.set(PLAIN_KEY, "yes");
    await assert.rejects(source.read(), catalogueError("guest-initialisation", /is not sealed/));
    host.keys.set(PLAIN_KEY, PLAIN_ACCEPTED);
    await source.read();
    assert.equal(source.isReadable, true);
  });

  it("is refused when its parts are of two documents", async () => {
    host.keys.set(PLAIN_KEY, PLAIN_ACCEPTED);
    set(host, "A".repeat(130_000));
    host.keys.set(`${CONFIGURATION_KEY}.2`, "B".repeat(60_000));
    await assert.rejects(source.read(), catalogueError("guest-initialisation", /checksum/));
    host.keys.delete(`${CONFIGURATION_KEY}.3`);
    await assert.rejects(source.read(), catalogueError("guest-initialisation", /120000 of 130000/));
  });
});

describe("the configuration in a file", () => {
  const fails = (commandLine: string, message: RegExp) =>
    assert.rejects(
      new FileSource(new RecordingSystem(), commandLine).read(),
      catalogueError("guest-initialisation", message),
    );

  it("is the one that the last word names, and must be absolute", async () => {
    await fails("tether.config=/none tether.config=config", /tether\.config=config is no absolute path/);
    await fails("tether.config=/none/at/all", /tether\.config=\/none\/at\/all cannot be read/);
  });

  it("is not read beyond 8 MiB", async () => {
    await fails("tether.config=/dev/zero", /is no file/);
    const folder = mkdtempSync(join(tmpdir(), "tether-source-"));
    mkdirSync(join(folder, "config"));
    await fails(`tether.config=${folder}`, /is no file/);
    writeFileSync(join(folder, "large"), Buffer.alloc(8 * 1024 * 1024 + 1));
    await fails(`tether.config=${join(folder, "large")}`, /longer than 8 MiB/);
    rmSync(folder, { recursive: true });
  });
});

describe("the search for the configuration", () => {
  const place = (name: string, document: Uint8Array | undefined) => ({ name, read: async () => document });

  it("takes the first that is there", async () => {
    const found = await findFirst([
      place("a", undefined),
      place("b", Buffer.of(1)),
      place("c", Buffer.of(2)),
    ]);
    assert.equal(found.source.name, "b");
    assert.deepEqual([...found.document], [1]);
  });

  it("asks fw_cfg, guestinfo and the kernel's word, and names all of them when there is none", async () => {
    const guest = new GuestinfoSource(new GuestInfo(new FakeGuestinfo().rpci), "/nowhere");
    await assert.rejects(
      findConfiguration(new RecordingSystem(), guest),
      catalogueError(
        "guest-initialisation",
        /looked for in fw_cfg \(opt\/tether\/config\), guestinfo \(guestinfo\.tether\/config\), a file \(kernel word tether\.config=\)$/,
      ),
    );
  });

  it("does not go on behind a document that cannot be had", async () => {
    const broken = { name: "a", read: () => Promise.reject(new Error("spoilt")) };
    await assert.rejects(findFirst([broken, place("b", Buffer.of(1))]), /spoilt/);
  });
});
