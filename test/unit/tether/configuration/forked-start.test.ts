import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { makeLinkKeys } from "../../../../src/portlayer/interaction/index.ts";
import { encodeTemplateConfiguration } from "../../../../src/portlayer/execution/configuration-document.ts";
import { tether } from "../../../../src/protocol/generated/config.js";
import {
  checkConfiguration,
  type Configuration,
  decodeConfiguration,
  parseConfiguration,
} from "../../../../src/tether/configuration/decode.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";

const keys = makeLinkKeys();

const decode = (changes: tether.config.Config.$Properties = {}): Promise<Configuration> => {
  const valid: tether.config.Config.$Properties = {
    version: 1,
    id: "0123456789abcdef".repeat(4),
    hostname: "box",
    session: { args: [Buffer.from("/bin/true")] },
    link: { hostKey: keys.hostPrivateKey, clientPublicKey: keys.clientPublicKey },
  };
  return decodeConfiguration(tether.config.Config.encode({ ...valid, ...changes }).finish());
};

describe("the configuration of a template", () => {
  it("says its version and that it is one, and nothing else: it is the same whatever is started", () => {
    // Field 1 and field 11 of proto/config.proto, as varints.
    assert.deepEqual([...encodeTemplateConfiguration()], [0x08, 1, 0x58, 1]);
  });

  it("is none of a container", async () => {
    const document = await parseConfiguration(encodeTemplateConfiguration());
    const refused = catalogueError("guest-initialisation", /^configuration: template is set: /);
    await assert.rejects(checkConfiguration(document), refused);
    await assert.rejects(decode({ template: true }), refused);
  });
});

describe("what the configuration renews in a fork", () => {
  it("is the host's time, in milliseconds", async () => {
    const hostTimeMs = Date.UTC(2026, 10, 21) + 123;
    assert.equal((await decode({ hostTimeMs })).hostTimeMs, hostTimeMs);
  });

  it("is no time when the host did not say it", async () => {
    assert.equal((await decode()).hostTimeMs, undefined);
    assert.equal((await decode({ hostTimeMs: 0 })).hostTimeMs, undefined);
  });

  it("is the host's random bytes, at most 512 of them", async () => {
    for (const length of [32, 512]) {
      const randomSeed = randomBytes(length);
      assert.deepEqual(Buffer.from((await decode({ randomSeed })).randomSeed), randomSeed);
    }
    await assert.rejects(
      decode({ randomSeed: randomBytes(513) }),
      catalogueError("guest-initialisation", /^configuration: random_seed has 513 bytes, not 32 to 512$/),
    );
  });

  it("is no random bytes when the host gave none", async () => {
    assert.equal((await decode()).randomSeed.length, 0);
  });
});
