import { writeFileSync } from "node:fs";

/** Writes a file that looks like an ext4 file system with this label: no more than a superblock. */
export function writeExtImage(path: string, label: string): void {
  const image = Buffer.alloc(4096);
  image.writeUInt16LE(0xef53, 1024 + 0x38);
  image.write(label, 1024 + 0x78, 16, "utf8");
  writeFileSync(path, image);
}
