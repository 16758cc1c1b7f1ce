import { decompressLz4Legacy, LZ4_LEGACY_MAGIC } from "./lz4-legacy.ts";

// Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
const SETUP_SECTORS = 0x1f1;
const HEADER_MAGIC = 0x202;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR_BYTES = 512;

// Xen's ELF note that holds the address where a PVH boot enters the kernel (xen/include/public/elfnote.h).
const PVH_ENTRY_NOTE = 18;
const PT_NOTE = 4;

/**
 * The uncompressed kernel inside a bzImage, for QEMU's direct boot: it starts there through PVH, without the
 * kernel's real-mode code and decompressor, 200-250 ms sooner under TCG. The price: the decompressor is what
 * places the kernel at a random address. Undefined when the kernel cannot be
 * started so: another compression than lz4, or no PVH entry (Photon OS's `linux-esx`).
 */
export function extractVmlinux(bzImage: Buffer): Buffer | undefined {
  if (
    bzImage.length < PAYLOAD_LENGTH + 4 ||
    bzImage.toString("latin1", HEADER_MAGIC, HEADER_MAGIC + 4) !== "HdrS"
  ) {
    return undefined;
  }
  // 0 means 4, for kernels older than any that we meet.
  const setupBytes = ((bzImage[SETUP_SECTORS] || 4) + 1) * SECTOR_BYTES;
  const start = setupBytes + bzImage.readUInt32LE(PAYLOAD_OFFSET);
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(PAYLOAD_LENGTH));
  if (payload.length < 8 || !payload.subarray(0, LZ4_LEGACY_MAGIC.length).equals(LZ4_LEGACY_MAGIC))
    return undefined;
  // The kernel's build appends the size, which lz4 does not record.
  const size = payload.readUInt32LE(payload.length - 4);
  const vmlinux = decompressLz4Legacy(payload.subarray(0, payload.length - 4), size);
  return hasPvhEntry(vmlinux) ? vmlinux : undefined;
}

/** Looks for the PVH note in an ELF64 file's note segments. */
function hasPvhEntry(elf: Buffer): boolean {
  const tableOffset = Number(elf.readBigUInt64LE(32));
  const entryBytes = elf.readUInt16LE(54);
  for (let i = 0; i < elf.readUInt16LE(56); i++) {
    const header = tableOffset + i * entryBytes;
    if (elf.readUInt32LE(header) !== PT_NOTE) continue;
    const offset = Number(elf.readBigUInt64LE(header + 8));
    const size = Number(elf.readBigUInt64LE(header + 32));
    if (notesHavePvhEntry(elf.subarray(offset, offset + size))) return true;
  }
  return false;
}

function notesHavePvhEntry(notes: Buffer): boolean {
  const align = (size: number) => Math.ceil(size / 4) * 4;
  for (let position = 0; position + 12 <= notes.length; ) {
    const nameBytes = notes.readUInt32LE(position);
    const contentBytes = notes.readUInt32LE(position + 4);
    const name = notes.toString("latin1", position + 12, position + 12 + nameBytes);
    if (notes.readUInt32LE(position + 8) === PVH_ENTRY_NOTE && name === "Xen\0") return true;
    position += 12 + align(nameBytes) + align(contentBytes);
  }
  return false;
}
