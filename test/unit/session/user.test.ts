import assert from "node:assert/strict";
import fc from "fast-check";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { lookUpUser } from "../../../src/session/user.ts";
import { catalogueError } from "../../support/catalogue-error.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/usr/sbin:/usr/sbin/nologin
# a comment

app:x:1000:1001:The App,,,:/home/app:/bin/sh
  spaced:x:1002:1002::/home/spaced:/bin/sh
4242:x:7:8::/home/number:/bin/sh
homeless:x:1003:1003
`;

const GROUP = `root:x:0:
adm:x:4:daemon,app
app:x:1001:
video:x:44:app
again:x:4:app
own:x:1001:app
4343:x:9:
`;

const look = (text: string): ReturnType<typeof lookUpUser> => lookUpUser(text, PASSWD, GROUP);

describe("the user of a process", () => {
  it("is root when none is given, with root's home", () => {
    assert.deepEqual(look(""), { uid: 0, gid: 0, groups: [0], home: "/root" });
  });

  it("is root with / as home in a container without files", () => {
    assert.deepEqual(lookUpUser("", undefined, undefined), { uid: 0, gid: 0, groups: [0], home: "/" });
  });

  it("given by name has its own group, its supplementary groups once each, and its home", () => {
    assert.deepEqual(look("app"), { uid: 1000, gid: 1001, groups: [1001, 4, 44], home: "/home/app" });
    assert.deepEqual(look("app:"), look("app"));
  });

  it("given by a number that is listed is that user", () => {
    assert.deepEqual(look("1000"), look("app"));
  });

  it("given by a number that is not listed has group 0, no others, and / as home", () => {
    assert.deepEqual(look("5000"), { uid: 5000, gid: 0, groups: [0], home: "/" });
    assert.deepEqual(lookUpUser("5000", undefined, undefined), { uid: 5000, gid: 0, groups: [0], home: "/" });
  });

  it("given with a group has that group and no others", () => {
    const inVideo = { uid: 1000, gid: 44, groups: [44], home: "/home/app" };
    for (const text of ["app:video", "1000:video", "app:44", "1000:44"])
      assert.deepEqual(look(text), inVideo, text);
    assert.deepEqual(look("5000:6000"), { uid: 5000, gid: 6000, groups: [6000], home: "/" });
    assert.deepEqual(look(":video"), { uid: 0, gid: 44, groups: [44], home: "/root" });
  });

  it("has additional groups by name or number, whoever it is", () => {
    const add = (text: string, ...groups: string[]) => lookUpUser(text, PASSWD, GROUP, groups).groups;
    assert.deepEqual(add("", "video", "77"), [0, 44, 77]);
    assert.deepEqual(add("app", "44", "root"), [1001, 4, 44, 0]);
    assert.deepEqual(add("5000:6000", "4343"), [6000, 4343]);
    const message = /^Unable to find group staff: no matching entries in group file$/;
    assert.throws(() => add("", "staff"), catalogueError("user-not-found", message));
  });

  it("given as digits is a number even when somebody is called so, and so is a group", () => {
    assert.deepEqual(look("4242"), { uid: 4242, gid: 0, groups: [0], home: "/" });
    assert.equal(look("app:4343").gid, 4343);
  });

  it("that is not there is named in Docker's words", () => {
    const message = /^unable to find user nobody: no matching entries in passwd file$/;
    assert.throws(() => look("nobody"), catalogueError("user-not-found", message));
    assert.throws(
      () => lookUpUser("nobody", undefined, undefined),
      catalogueError("user-not-found", message),
    );
    const group = /^unable to find group staff: no matching entries in group file$/;
    assert.throws(() => look("app:staff"), catalogueError("user-not-found", group));
    assert.throws(() => look("0:staff"), catalogueError("user-not-found", group));
  });

  it("has a number that Linux can hold, and not the one that means unchanged", () => {
    assert.equal(look("4294967294").uid, 4_294_967_294);
    for (const text of ["4294967295", "4294967296", "99999999999999999999", "-1", "1e3", "0x10", "1.0"]) {
      assert.throws(() => look(text), catalogueError("user-not-found"), text);
      assert.throws(() => look(`0:${text}`), catalogueError("user-not-found"), text);
    }
  });

  it("is found behind spaces, comments and lines that are cut short", () => {
    assert.equal(look("spaced").uid, 1002);
    assert.deepEqual(look("homeless"), { uid: 1003, gid: 1003, groups: [1003], home: "/" });
    const broken = "app\n:::\napp:x:one:1::/a:\napp:x:-5:1::/b:\napp:x:6:7::/c:\napp:x:8:9::/d:";
    assert.deepEqual(lookUpUser("app", broken, "x\n:\nnumber:x:y:app\n"), {
      uid: 6,
      gid: 7,
      groups: [7],
      home: "/c",
    });
  });

  it("is the first of several with the same name", () => {
    assert.equal(lookUpUser("twin", "twin:x:1:1::/a:\ntwin:x:2:2::/b:\n", undefined).uid, 1);
  });

  it("is not found by the name of something that every object has", () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      assert.throws(() => look(name), catalogueError("user-not-found"));
    }
  });

  it("has ids in range or there is an error of the catalogue, whatever the files say", () => {
    const line = fc.array(
      fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom("a", "0", "7", "4294967295", "")),
      { maxLength: 8 },
    );
    const file = fc
      .array(line, { maxLength: 5 })
      .map((lines) => lines.map((fields) => fields.join(":")).join("\n"));
    const spec = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("a", "a:a", "7:7", ":", ""));
    fc.assert(
      fc.property(
        spec,
        fc.option(file, { nil: undefined }),
        fc.option(file, { nil: undefined }),
        (text, passwd, group) => {
          try {
            const user = lookUpUser(text, passwd, group);
            for (const id of [user.uid, user.gid, ...user.groups])
              assert.ok(Number.isInteger(id) && id >= 0 && id < 0xffff_ffff);
            assert.ok(user.home.length > 0);
          } catch (error) {
            assert.ok(error instanceof TetherError && error.code === "user-not-found", String(error));
          }
        },
      ),
    );
  });
});
