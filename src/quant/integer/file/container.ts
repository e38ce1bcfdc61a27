import { ArgumentError } from "../../../errors.ts";

/**
 * The container of an integer model, all numbers little-endian:
 *
 * - 8 bytes "INLIERQ" and 0; u32 version, u32 header length H, u32 body length B, u32 CRC-32 of header and body;
 * - H bytes of JSON in UTF-8, filled with spaces to a multiple of 8;
 * - B bytes of body: blobs, each at a multiple of 8 bytes, in the gaps zeros. The header says what they hold.
 */
export const FILE_VERSION = 1;

const MAGIC = "INLIERQ\0";
const PREFIX = 24;
const ALIGN = 8;
const LARGEST_HEADER = 2 ** 26;

/** Where a blob lies in the body, in bytes. */
export interface BlobPlace {
  readonly offset: number;
  readonly bytes: number;
}

type Stored = Uint8Array | Float32Array | Float64Array | Int32Array | Int8Array;

/** Collects blobs and says where each will lie. */
export class BlobWriter {
  readonly #parts: { offset: number; bytes: Uint8Array }[] = [];
  #length = 0;

  add(values: Stored): BlobPlace {
    const bytes = littleEndian(values);
    const offset = this.#length;
    this.#parts.push({ offset, bytes });
    this.#length = ALIGN * Math.ceil((offset + bytes.length) / ALIGN);
    return { offset, bytes: bytes.length };
  }

  body(): Uint8Array {
    const body = new Uint8Array(this.#length);
    for (const { offset, bytes } of this.#parts) body.set(bytes, offset);
    return body;
  }
}

/** The bytes of an array as every machine must read them. */
function littleEndian(values: Stored): Uint8Array {
  const width = values.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(values.byteLength);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  if (width === 1 || new Uint8Array(Uint16Array.of(1).buffer)[0] === 1) return bytes;
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
  return bytes;
}

/** Header and body as one file; equal parts give equal bytes. */
export function writeContainer(header: string, body: Uint8Array): Uint8Array {
  const json = new TextEncoder().encode(header);
  const headerLength = ALIGN * Math.ceil(json.length / ALIGN);
  const file = new Uint8Array(PREFIX + headerLength + body.length).fill(0x20, PREFIX, PREFIX + headerLength);
  file.set(new TextEncoder().encode(MAGIC));
  file.set(json, PREFIX);
  file.set(body, PREFIX + headerLength);
  const view = new DataView(file.buffer);
  const fields = [FILE_VERSION, headerLength, body.length, crc32(file.subarray(PREFIX))];
  fields.forEach((field, i) => view.setUint32(8 + 4 * i, field, true));
  return file;
}

/** Header text and body of a file. */
export interface Container {
  readonly header: string;
  readonly body: Uint8Array;
}

/** Whether bytes begin as an integer model does. */
export const isContainer = (bytes: Uint8Array): boolean =>
  bytes.length >= MAGIC.length && [...MAGIC].every((c, i) => bytes[i] === c.charCodeAt(0));

/**
 * Takes a file apart.
 *
 * Errors: ArgumentError naming the file where it is no integer model, of another version, cut short, longer than it says,
 * or damaged.
 */
export function readContainer(bytes: Uint8Array, name: string): Container {
  const fail = (problem: string): ArgumentError => new ArgumentError("readIntegerFile", `${name} ${problem}`);
  if (!isContainer(bytes))
    throw fail(`must begin with "INLIERQ", got ${bytes.length < 8 ? `${bytes.length} bytes` : "other bytes"} (is it an integer model?)`);
  if (bytes.length < PREFIX) throw fail(`must have a prefix of ${PREFIX} bytes, got ${bytes.length} (was it cut short?)`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [version, headerLength, bodyLength, crc] = [8, 12, 16, 20].map((at) => view.getUint32(at, true));
  if (version !== FILE_VERSION) throw fail(`must be of version ${FILE_VERSION}, got ${version}`);
  const length = PREFIX + headerLength + bodyLength;
  if (bytes.length !== length)
    throw fail(`must have ${length} bytes, got ${bytes.length}${bytes.length < length ? " (was it cut short?)" : ""}`);
  if (headerLength > LARGEST_HEADER) throw fail(`must have a header of at most ${LARGEST_HEADER} bytes, got ${headerLength}`);
  const found = crc32(bytes.subarray(PREFIX));
  if (found !== crc) throw fail(`must have checksum ${hex(crc)}, got ${hex(found)} (was it damaged?)`);
  const start = PREFIX + headerLength;
  try {
    return { header: new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(PREFIX, start)), body: bytes.subarray(start) };
  } catch (cause) {
    if (cause instanceof TypeError) throw fail("must have a header in UTF-8, got other bytes");
    throw cause;
  }
}

const hex = (value: number): string => value.toString(16).padStart(8, "0");

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
