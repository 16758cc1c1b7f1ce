/** Opcodes of RFC 6455, section 5.2. */
const OPCODES = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** The first opcode of control frames: they have at most 125 bytes and are never fragmented (section 5.5). */
const FIRST_CONTROL = 0x8;
const MOST_CONTROL_BYTES = 125;

const FINAL = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;

/** Why a connection is closed (section 7.4.1). */
export const CLOSE_CODES = { normal: 1000, protocolError: 1002 } as const;

/** A client that breaks the protocol; the connection is closed with 1002. */
export class WebSocketError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "WebSocketError";
  }
}

/** What a client has sent: a piece of a message, as it came in, or a control frame. */
export type WebSocketEvent = {
  readonly kind: "data" | "close" | "ping";
  readonly data: Buffer;
};

interface OpenFrame {
  readonly opcode: number;
  readonly mask: Buffer;
  left: number;
  offset: number;
}

/** Reads the frames of a client. What messages there are makes no difference to a stream: their pieces are passed on. */
export class FrameReader {
  #head: Buffer = Buffer.alloc(0);
  #frame: OpenFrame | undefined;
  #control: Buffer = Buffer.alloc(0);
  #isInMessage = false;

  /** @throws WebSocketError. */
  *read(chunk: Buffer): Generator<WebSocketEvent> {
    let rest: Buffer = chunk;
    while (rest.length > 0) {
      if (this.#frame === undefined) {
        this.#head = Buffer.concat([this.#head, rest]);
        const size = headSize(this.#head);
        if (size === undefined || this.#head.length < size) return;
        rest = this.#head.subarray(size);
        this.#begin(this.#head.subarray(0, size));
        this.#head = Buffer.alloc(0);
      }
      const [piece, behind] = this.#take(rest);
      rest = behind;
      yield* piece;
    }
  }

  #begin(head: Buffer): void {
    const opcode = head.readUInt8(0) & 0x0f;
    const isFinal = (head.readUInt8(0) & FINAL) !== 0;
    const length = payloadLength(head);
    const isControl = opcode >= FIRST_CONTROL;
    if (!Object.values<number>(OPCODES).includes(opcode)) throw new WebSocketError("an unknown opcode");
    if (isControl && (!isFinal || length > MOST_CONTROL_BYTES))
      throw new WebSocketError("a control frame that is fragmented or too long");
    if (!isControl && (opcode === OPCODES.continuation) !== this.#isInMessage)
      throw new WebSocketError("a message in the middle of another, or the rest of none");
    if (!isControl) this.#isInMessage = !isFinal;
    this.#frame = { opcode, mask: head.subarray(-4), left: length, offset: 0 };
  }

  /** @returns what the bytes say, and those behind the frame. */
  #take(bytes: Buffer): readonly [WebSocketEvent[], Buffer] {
    const frame = this.#frame;
    if (frame === undefined) return [[], bytes];
    const payload = unmask(bytes.subarray(0, frame.left), frame);
    frame.left -= payload.length;
    frame.offset += payload.length;
    const isWhole = frame.left === 0;
    if (isWhole) this.#frame = undefined;
    const behind = bytes.subarray(payload.length);
    if (frame.opcode < FIRST_CONTROL)
      return [payload.length > 0 ? [{ kind: "data", data: payload }] : [], behind];
    this.#control = Buffer.concat([this.#control, payload]);
    if (!isWhole) return [[], behind];
    const data = this.#control;
    this.#control = Buffer.alloc(0);
    if (frame.opcode === OPCODES.pong) return [[], behind];
    return [[{ kind: frame.opcode === OPCODES.close ? "close" : "ping", data }], behind];
  }
}

/** Bytes of a frame's head, as far as they tell. @throws WebSocketError. */
function headSize(head: Buffer): number | undefined {
  if (head.length < 2) return undefined;
  if ((head.readUInt8(0) & RESERVED) !== 0)
    throw new WebSocketError("an extension that nobody has asked for");
  if ((head.readUInt8(1) & MASKED) === 0) throw new WebSocketError("a frame that is not masked");
  const short = head.readUInt8(1) & 0x7f;
  return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + 4;
}

function payloadLength(head: Buffer): number {
  const short = head.readUInt8(1) & 0x7f;
  if (short < 126) return short;
  if (short === 126) return head.readUInt16BE(2);
  const length = head.readBigUInt64BE(2);
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw new WebSocketError("a frame that is too long");
  return Number(length);
}

function unmask(bytes: Buffer, { mask, offset }: OpenFrame): Buffer {
  const plain = Buffer.allocUnsafe(bytes.length);
  for (let index = 0; index < bytes.length; index += 1)
    plain[index] = (bytes[index] ?? 0) ^ (mask[(offset + index) % 4] ?? 0);
  return plain;
}

/** A frame of the server's: whole, and not masked. */
function encodeFrame(opcode: number, data: Uint8Array): Buffer {
  const { length } = data;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head.writeUInt8(FINAL | opcode, 0);
  if (length < 126) head.writeUInt8(length, 1);
  else if (length < 65_536) {
    head.writeUInt8(126, 1);
    head.writeUInt16BE(length, 2);
  } else {
    head.writeUInt8(127, 1);
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, data]);
}

/** A message of any bytes. */
export function encodeBinary(data: Uint8Array): Buffer {
  return encodeFrame(OPCODES.binary, data);
}

/** A message of text. */
export function encodeText(data: Uint8Array): Buffer {
  return encodeFrame(OPCODES.text, data);
}

/** The answer to a ping. */
export function encodePong(data: Uint8Array): Buffer {
  return encodeFrame(OPCODES.pong, data);
}

/** The last frame of a side. */
export function encodeClose(code: number): Buffer {
  const data = Buffer.alloc(2);
  data.writeUInt16BE(code);
  return encodeFrame(OPCODES.close, data);
}
