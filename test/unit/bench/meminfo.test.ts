import { deepEqual, throws } from "node:assert/strict";
import { parseMeminfo } from "../../../bench/meminfo.ts";

const FIELDS = {
  MemTotal: 480_016,
  MemFree: 409_600,
  MemAvailable: 420_864,
  Active: 1,
  "Active(file)": 1024,
  "Inactive(file)": 2048,
  AnonPages: 10_240,
  Shmem: 512,
  SReclaimable: 4096,
  SUnreclaim: 3072,
  KernelStack: 1024,
  PageTables: 256,
};

const text = (lineEnd: string): string =>
  Object.entries(FIELDS)
    .map(([name, kibibytes]) => `${`${name}:`.padEnd(15)}${String(kibibytes).padStart(9)} kB${lineEnd}`)
    .join("");

const expected = {
  free: 400,
  available: 411,
  freeOrReclaimable: 407,
  anonymous: 10,
  shared: 0.5,
  slab: 3,
  kernelStacks: 1,
  pageTables: 0.25,
};

describe("a guest's /proc/meminfo", () => {
  it("is read in MiB", () => deepEqual(parseMeminfo(text("\n")), expected));

  it("is found on a console, among other lines", () => {
    deepEqual(
      parseMeminfo(`SeaBIOS\r\nActive: no\r\n${text("\r\n")}[ 5.1] reboot: Power down\r\n`),
      expected,
    );
  });

  it("without a field is an error that names it", () => {
    throws(() => parseMeminfo(text("\n").replace("Shmem:", "Shmum:")), /Shmem/);
    throws(() => parseMeminfo(""), /MemFree/);
  });
});
