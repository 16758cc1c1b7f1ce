import assert from "node:assert/strict";
import { parseSize } from "../../../../../src/portlayer/execution/parse-size.ts";
import {
  contentOf,
  mergeMounts,
  type MountSettings,
  parseMounts,
} from "../../../../../src/portlayer/storage/index.ts";
import { catalogueError } from "../../../../support/catalogue-error.ts";

const parse = (words: { volumes?: string[]; mounts?: string[]; tmpfs?: string[] }): MountSettings[] =>
  parseMounts({ volumes: [], mounts: [], tmpfs: [], ...words }, parseSize);
const only = (mounts: readonly MountSettings[]): MountSettings => {
  const [first, second] = mounts;
  assert(first !== undefined && second === undefined);
  return first;
};

describe("the mounts of a container", () => {
  it("are volumes by -v and --mount, the same by either", () => {
    const short = only(parse({ volumes: ["data:/var//lib/./data/:ro,nocopy"] }));
    const long = only(parse({ mounts: ["type=volume,src=data,dst=/var/lib/data,readonly,volume-nocopy"] }));
    assert.deepEqual(short, long);
    assert.deepEqual(short, {
      ...{ kind: "volume", name: "data", isAnonymous: false, target: "/var/lib/data" },
      ...{ isReadOnly: true, isPopulated: false, subPath: "", propagation: "rprivate" },
    });
  });

  it("are memory by --tmpfs and --mount", () => {
    const short = only(parse({ tmpfs: ["/run:size=64m,mode=750,uid=3,exec"] }));
    assert.deepEqual(short, {
      ...{ kind: "tmpfs", target: "/run", isReadOnly: false, sizeBytes: 64 * 1024 ** 2 },
      ...{ mode: 0o750, uid: 3, gid: 0, options: ["nosuid", "nodev"], words: "size=64m,mode=750,uid=3,exec" },
    });
    const long = only(parse({ mounts: ["type=tmpfs,target=/run,tmpfs-size=1k,tmpfs-mode=700,ro=true"] }));
    assert.deepEqual([long.kind, long.isReadOnly], ["tmpfs", true]);
  });

  it("are folders of this machine by -v, relative ones of the working directory, and by --mount", () => {
    const short = only(parse({ volumes: ["./a/../b/:/x/:ro,z,rslave"] }));
    assert.deepEqual(short, {
      ...{ kind: "bind", source: `${process.cwd()}/b`, target: "/x", isReadOnly: true, isMade: true },
      ...{
        mode: "ro,z,rslave",
        words: `${process.cwd()}/b:/x/:ro,z,rslave`,
        isRecursive: true,
        propagation: "rslave",
      },
    });
    const long = only(
      parse({ mounts: ["type=bind,source=/b//c/.,dst=/x,ro,bind-nonrecursive,consistency=cached"] }),
    );
    assert.deepEqual(long, {
      ...{ kind: "bind", source: "/b/c", target: "/x", isReadOnly: true, isMade: false },
      ...{ mode: "", words: "", isRecursive: false, propagation: "rprivate" },
    });
    const here = only(parse({ mounts: ["type=bind,src=.,dst=/x"] }));
    assert.equal(here.kind === "bind" && here.source, process.cwd());
  });

  it("of the image come where nothing else is, each with a name of its own", () => {
    const mounts = mergeMounts(parse({ volumes: ["/cache", "data:/data"] }), ["/data/", "/logs", "/logs2"]);
    assert.deepEqual(
      mounts.map(({ target }) => target),
      ["/cache", "/data", "/logs", "/logs2"],
    );
    const names = mounts.map((mount) => (mount.kind === "volume" ? mount.name : ""));
    assert.equal(new Set(names).size, 4);
    for (const name of [names[0], names[2], names[3]]) assert.match(name ?? "", /^[0-9a-f]{64}$/);
    assert.deepEqual(
      mounts.map((mount) => mount.kind === "volume" && mount.isAnonymous),
      [true, false, true, true],
    );
  });

  const wrong: ReadonlyArray<readonly [Parameters<typeof parse>[0], RegExp]> = [
    [{ volumes: ["a:b:c:d"] }, /^invalid volume specification: 'a:b:c:d'$/],
    [{ volumes: ["data:relative"] }, /mount path must be absolute/],
    [{ volumes: ["data:/x/.."] }, /destination can't be '\/'/],
    [{ volumes: ["data:/x:rx"] }, /^invalid mode: rx$/],
    [{ volumes: ["~/x:/x"] }, /invalid characters for a local volume name/],
    [{ volumes: ["/etc:/x:rx"] }, /^invalid mode: rx$/],
    [{ volumes: ["/etc:/x:ro,rx"] }, /^invalid mode: ro,rx$/],
    [{ volumes: ["/etc:/x:nocopy"] }, /type "bind": field VolumeOptions must not be specified$/],
    [{ volumes: ["/etc:/x:rshared"] }, /^rshared: what is mounted in a container VM cannot appear on this/],
    [{ volumes: ["/etc:x"] }, /mount path must be absolute/],
    [{ volumes: ["/etc:/"] }, /destination can't be '\/'/],
    [{ volumes: ["/etc:/x", "b1:/x/"] }, /^Duplicate mount point: \/x$/],
    [{ volumes: ["a b:/x"] }, /invalid characters for a local volume name/],
    [{ volumes: ["data:/x/../proc/y"] }, /nothing can be mounted in \/proc/],
    [{ volumes: ["a1:/x", "b1:/x/"] }, /^Duplicate mount point: \/x$/],
    [{ tmpfs: ["/x:size=much"] }, /invalid size/],
    [{ tmpfs: ["/x:huge=always"] }, /invalid tmpfs option \["huge=always"\]/],
    [{ mounts: ["type=volume"] }, /^target is required$/],
    [{ mounts: ["type=cluster,dst=/x"] }, /mount type unknown/],
    [
      { mounts: ["type=bind,dst=/x"] },
      /^invalid mount config for type "bind": field Source must not be empty$/,
    ],
    [
      { mounts: ["type=bind,src=etc,dst=/x"] },
      /type "bind": invalid mount path: 'etc' mount path must be absolute$/,
    ],
    [
      { mounts: ["type=bind,src=/etc,dst=/x,volume-nocopy"] },
      /^cannot mix 'volume-\*' options with mount type 'bind'$/,
    ],
    [{ mounts: ["type=bind,src=/etc,dst=/x,bind-propagation=wide"] }, /^invalid propagation: wide$/],
    [
      { mounts: ["type=bind,src=/etc,dst=/x,bind-recursive=writable"] },
      /^invalid value for bind-recursive: writable/,
    ],
    [
      { mounts: ["type=bind,src=/etc,dst=/x,bind-recursive=readonly"] },
      /requires 'readonly' to be specified/,
    ],
    [{ mounts: ["dst=/x,volume"] }, /^invalid field 'volume' must be a key=value pair$/],
    [{ mounts: ["dst=/x,colour=red"] }, /^unexpected key 'colour' in 'colour=red'$/],
    [{ mounts: ["dst=/x,tmpfs-size=1k"] }, /^cannot mix 'tmpfs-\*' options with mount type 'volume'$/],
    [{ mounts: ["dst=/x,readonly=perhaps"] }, /^invalid value for readonly: perhaps$/],
    [{ mounts: ["dst=/x,volume-subpath=a/../../b"] }, /relative path within the volume/],
  ];
  for (const [words, reason] of wrong)
    it(`are refused: ${Object.values(words).flat().join(" ")}`, () => {
      assert.throws(() => parse(words), catalogueError("invalid-option", reason));
    });
});

describe("the options of a volume", () => {
  it("say what it is made of", () => {
    const disk = contentOf({ type: "xfs", size: "1g" }, parseSize);
    assert(disk.type === "xfs");
    assert.equal(disk.sizeBytes, 1024 ** 3);
    assert.ok(disk.serial.length <= 20, "virtio's limit");
    assert.deepEqual(contentOf({ type: "nfs", device: "[2001:db8::1]:/a", o: "vers=3,hard" }, parseSize), {
      ...{ type: "nfs", host: "2001:db8::1", path: "/a", options: ["vers=3", "hard"] },
    });
    assert.deepEqual(contentOf({ type: "nfs", device: ":/a", o: "addr=192.0.2.1,rw" }, parseSize), {
      ...{ type: "nfs", host: "192.0.2.1", path: "/a", options: [] },
    });
    assert.deepEqual(contentOf({ type: "tmpfs", device: "tmpfs", o: "size=1k,mode=700" }, parseSize), {
      ...{ type: "tmpfs", sizeBytes: 1024, mode: 0o700 },
    });
  });

  const wrong: ReadonlyArray<readonly [Readonly<Record<string, string>>, RegExp]> = [
    [{ type: "btrfs" }, /is no type of a volume/],
    [{ colour: "red" }, /^invalid option: "colour"$/],
    [{ size: "1k" }, /ext4 needs at least 8m/],
    [{ type: "xfs", size: "100m" }, /xfs needs at least 300m/],
    [{ type: "nfs", device: "/a" }, /HOST:\/PATH/],
    [{ type: "nfs", device: ":/a" }, /o=addr=HOST/],
    [{ type: "tmpfs", o: "uid=3" }, /is no option of a tmpfs volume/],
  ];
  for (const [options, reason] of wrong)
    it(`are refused: ${JSON.stringify(options)}`, () => {
      assert.throws(() => contentOf(options, parseSize), catalogueError("invalid-option", reason));
    });
});
