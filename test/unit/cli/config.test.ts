import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { EXAMPLE_FILE } from "../../../scripts/docs/configuration-reference.ts";
import { readDocument } from "../../../src/protocol/configuration/document.ts";
import { writeMessage } from "../../../src/protocol/configuration/document-text.ts";
import { documentFromJson } from "../../../src/protocol/configuration/json/from-json.ts";
import { documentToJson } from "../../../src/protocol/configuration/json/to-json.ts";
import {
  CONFIGURATION_KEY,
  joinText,
  openSealed,
  parseSealKey,
  parseSplit,
  SEAL_KEY,
} from "../../../src/protocol/guestinfo/index.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

describe("vch config", function () {
  this.timeout(20_000);
  const folder = useTemporaryFolder();

  interface Finished {
    readonly status: number | null;
    readonly output: string;
    readonly errors: string[];
  }
  const config = (args: readonly string[], input: string | Buffer = ""): Promise<Finished> =>
    new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [MAIN, "config", ...args],
        { timeout: 15_000, maxBuffer: 2 ** 26 },
        (_error, output, errorOutput) =>
          resolve({ status: child.exitCode, output, errors: errorOutput.split("\n").slice(0, -1) }),
      );
      child.stdin?.end(input);
    });
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(folder.path, name);
    writeFileSync(path, content);
    return path;
  };

  it("finds the documentation's example in order, writes it, and shows it as it was", async () => {
    assert.deepEqual(await config(["validate", EXAMPLE_FILE]), { status: 0, output: "", errors: [] });
    const text = await config(["encode", EXAMPLE_FILE]);
    assert.match(text.output, /^H4sI[A-Za-z0-9+/]+={0,2}\n$/);
    const shown = await config(["decode", "--show-secrets"], text.output);
    assert.deepEqual(JSON.parse(shown.output), JSON.parse(readFileSync(EXAMPLE_FILE, "utf8")));
    assert.deepEqual(await config(["encode"], shown.output), text);
  });

  it("masks secrets unless it is told not to, and takes nothing masked", async () => {
    const { output } = await config(["encode", EXAMPLE_FILE]);
    const { output: json } = await config(["decode", "-"], output);
    assert.ok(!/PRIVATE KEY|UTC/.test(json), json);
    assert.deepEqual(await config(["encode"], json), {
      status: 1,
      output: "",
      errors: [
        "vch: standard input: session.env[0] is masked: it was shown without --show-secrets",
        "vch: standard input: link.host_key is masked: it was shown without --show-secrets",
      ],
    });
  });

  it("lists everything that is wrong, of JSON and of a document that is encoded", async () => {
    const example: unknown = JSON.parse(readFileSync(EXAMPLE_FILE, "utf8"));
    const wrong = { ...Object(example), hostname: "a b", generation: "1", interfces: [], volumes: [{}] };
    const lines = [
      "volumes[0].name is empty",
      "volumes[0].target is empty",
      "volumes[0] has no source: one of block, nfs, tmpfs, host_folder, file is needed",
    ];
    const hostname = 'hostname "a b" is no host name of 1 to 64 bytes (RFC 1123)';
    const json = await config(["validate"], JSON.stringify(wrong));
    const unread = [
      "generation is no whole number from 0 to 9007199254740991",
      "interfces is no field of Config",
    ];
    assert.deepEqual([json.status, json.output.trimEnd().split("\n")], [1, [...unread, hostname, ...lines]]);
    const binary = writeMessage(documentFromJson(wrong).document);
    const encoded = await config(["validate", write("binary", binary)]);
    assert.deepEqual([encoded.status, encoded.output.trimEnd().split("\n")], [1, [hostname, ...lines]]);
    const refused = await config(["encode"], JSON.stringify(wrong));
    assert.deepEqual([refused.status, refused.output, refused.errors.length], [1, "", 6]);
  });

  it("refuses what is no document in one line, and quotes nothing of it", async () => {
    const secret = '{"link": {"host_key": "-----BEGIN" SECRET';
    const cases: [string[], string | Buffer, RegExp][] = [
      [["validate"], secret, /^vch: standard input: it is no JSON at line 1 column 36$/],
      [["encode"], secret, /it is no JSON at line 1/],
      [["encode"], "H4sIAAAA", /it is no JSON/],
      [["decode"], "{}", /it is no protobuf/],
      [["decode"], "H4sIAAAA", /it is no gzip of a document/],
      [["decode", "/nowhere"], "", /^vch: \/nowhere: ENOENT/],
      [["encode", "--seal-key", "/nowhere"], "", /--guestinfo/],
      [["decode"], Buffer.from([8, 2]), /its version is 2; this vch understands 1$/],
    ];
    for (const [args, input, message] of cases) {
      const { status, output, errors } = await config(args, input);
      assert.match(errors.join("\n"), message);
      assert.deepEqual([output, errors.length, errors[0]?.includes("SECRET")], ["", 1, false]);
      assert.notEqual(status, 0);
    }
  });

  it("keeps what a newer host has written, through JSON and back", async () => {
    const { output } = await config(["encode", EXAMPLE_FILE]);
    const unknown = Buffer.from([0x82, 0x7d, 1, 9]);
    const message = Buffer.concat([gunzipSync(Buffer.from(output, "base64")), unknown]);
    const { output: json } = await config(["decode", "--show-secrets", write("newer", message)]);
    assert.equal(Object(JSON.parse(json)).$unknown, unknown.toString("base64"));
    const { output: text } = await config(["encode"], json);
    assert.deepEqual(gunzipSync(Buffer.from(text, "base64")), message);
    const changed = JSON.stringify({ ...Object(JSON.parse(json)), $unknown: "EgF4" });
    assert.deepEqual((await config(["validate"], changed)).output, "$unknown holds id, which is known\n");
  });

  it("writes the keys of guestinfo, sealed, and again with the same key", async () => {
    const example = documentFromJson(JSON.parse(readFileSync(EXAMPLE_FILE, "utf8"))).document;
    // Nothing that gzip makes small: more than one key holds.
    const noise = Array.from({ length: 20_000 }, (_, index) => Math.imul(index + 1, 0x9e3779b1).toString(36));
    const volumes = [
      { name: "f", target: Buffer.from("/f"), file: { content: Buffer.from(noise.join("")) } },
    ];
    const large = JSON.stringify(documentToJson(Object.assign(example, { volumes }), { showsSecrets: true }));
    const { output } = await config(["encode", "--guestinfo"], large);
    const keys = readLines(output);
    const [, ...others] = keys.keys();
    assert.equal([...keys.keys()][0], SEAL_KEY);
    assert.equal(others.at(-1), CONFIGURATION_KEY);
    const header = parseSplit(CONFIGURATION_KEY, keys.get(CONFIGURATION_KEY) ?? "");
    const parts = others.slice(0, -1).map((key) => keys.get(key) ?? "");
    const sealed = joinText(CONFIGURATION_KEY, header, parts);
    const key = keys.get(SEAL_KEY) ?? "";
    const document = await readDocument(openSealed(sealed, parseSealKey(key) ?? Buffer.of()));
    assert.deepEqual(writeMessage(document), writeMessage(example));

    const keyFile = write("key", `${key}\n`);
    const again = readLines(
      (await config(["encode", "--guestinfo", "--seal-key", keyFile, EXAMPLE_FILE])).output,
    );
    assert.equal(again.get(SEAL_KEY), key);
    openSealed(again.get(CONFIGURATION_KEY) ?? "", parseSealKey(key) ?? Buffer.of());
  });
});

function readLines(output: string): Map<string, string> {
  const lines = output.trimEnd().split("\n");
  return new Map(
    lines.map((line): [string, string] => [line.split(" = ", 1)[0] ?? "", line.replace(/^.*? = /, "")]),
  );
}
