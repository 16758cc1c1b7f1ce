import { TetherError } from "../protocol/errors/index.ts";

/** Linux's uid_t and gid_t are 32 bits and the last value means "unchanged". */
const MAX_ID = 0xffff_fffe;

/** Who a process runs as. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups; the primary one is among them, as Docker has it (CVE-2022-36109). */
  readonly groups: readonly number[];
  /** The home directory of passwd(5); `/` when the user has no entry, as Docker has it. */
  readonly home: string;
}

/**
 * Looks up Docker's `user[:group]`, names or numbers, in the container's own files.
 *
 * A number need not be listed. Supplementary groups are those of the user's name, and only when no group is
 * given: what Docker does (`docker run --user`). Additional groups come on top in any case.
 *
 * @param text empty means root.
 * @param passwd content of /etc/passwd, or undefined when the container has none; likewise `group`.
 * @param additionalGroups names or numbers (`--group-add`).
 * @throws TetherError `user-not-found` with Docker's words.
 */
export function lookUpUser(
  text: string,
  passwd: string | undefined,
  group: string | undefined,
  additionalGroups: readonly string[] = [],
): User {
  const [userText, groupText] = splitOnce(text);
  const users = parsePasswd(passwd ?? "");
  const groups = parseGroup(group ?? "");
  const entry = userText === "" ? users.find((user) => user.uid === 0) : findUser(users, userText);
  const uid = entry?.uid ?? (userText === "" ? 0 : parseId(userText));
  if (uid === undefined) {
    throw new TetherError(
      "user-not-found",
      `unable to find user ${userText}: no matching entries in passwd file`,
    );
  }
  const gid = groupText === undefined || groupText === "" ? (entry?.gid ?? 0) : findGroup(groups, groupText);
  const supplementary =
    groupText === undefined || groupText === ""
      ? groups
          .filter((candidate) => entry !== undefined && candidate.members.includes(entry.name))
          .map((each) => each.gid)
      : [];
  const additional = additionalGroups.map((each) => findGroup(groups, each, "Unable"));
  return {
    uid,
    gid,
    groups: [...new Set([gid, ...supplementary, ...additional])],
    home: entry?.home === undefined || entry.home === "" ? "/" : entry.home,
  };
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

function splitOnce(text: string): [string, string?] {
  const colon = text.indexOf(":");
  return colon < 0 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}

/** Docker takes digits for a number always, even when a user is called so (moby/sys, user.GetExecUser). */
function findUser(users: readonly PasswdEntry[], text: string): PasswdEntry | undefined {
  const id = parseId(text);
  return users.find((user) => (id === undefined ? user.name === text : user.uid === id));
}

/** @param unable Docker's own two spellings. */
function findGroup(groups: readonly GroupEntry[], text: string, unable = "unable"): number {
  const gid = parseId(text) ?? groups.find((group) => group.name === text)?.gid;
  if (gid === undefined) {
    throw new TetherError(
      "user-not-found",
      `${unable} to find group ${text}: no matching entries in group file`,
    );
  }
  return gid;
}

function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

/** passwd(5): name:password:uid:gid:gecos:home:shell. Malformed lines are passed over, as libc does. */
function parsePasswd(content: string): PasswdEntry[] {
  return lines(content).flatMap((fields) => {
    const [name, , uidText = "", gidText = "", , home = ""] = fields;
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    return name === undefined || uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }];
  });
}

/** group(5): name:password:gid:member,member. */
function parseGroup(content: string): GroupEntry[] {
  return lines(content).flatMap((fields) => {
    const [name, , gidText = "", members = ""] = fields;
    const gid = parseId(gidText);
    return name === undefined || gid === undefined ? [] : [{ name, gid, members: members.split(",") }];
  });
}

function lines(content: string): string[][] {
  return content
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}
