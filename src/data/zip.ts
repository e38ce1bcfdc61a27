import { inflateSync, zipSync } from "fflate";

/** Makes the error that names the file and the fault. */
type Fail = (problem: string) => Error;

/** No archive may expand to more. */
const LARGEST_ARCHIVE = 2 ** 31;

const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END = 0x06054b50;
const END_LENGTH = 22;

const CRC_TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/** CRC-32 of ISO 3309, as zip files state it. */
function crc32(bytes: Uint8Array): number {
  let c = -1;
  for (let i = 0; i < bytes.length; i++) c = CRC_TABLE[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Where the record of the end begins; only a comment may follow it. */
function findEnd(view: DataView, fail: Fail): number {
  const last = view.byteLength - END_LENGTH;
  for (let at = last; at >= Math.max(0, last - 65535); at--) {
    if (view.getUint32(at, true) === END && view.getUint16(at + 20, true) === last - at) return at;
  }
  throw fail(`must end with a zip directory, got none in ${view.byteLength} bytes`);
}

/** A member as the directory states it. */
interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
  readonly next: number;
}

function readEntry(bytes: Uint8Array, view: DataView, at: number, end: number, fail: Fail): Entry {
  if (at + 46 > end || view.getUint32(at, true) !== CENTRAL) throw fail(`must have a directory entry at byte ${at}, got something else`);
  const lengths = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
  const next = at + 46 + lengths[0] + lengths[1] + lengths[2];
  if (next > end) throw fail(`must have directory entries that end by byte ${end}, got one that ends at ${next}`);
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(at + 46, at + 46 + lengths[0]));
  } catch {
    throw fail(`must have member names in UTF-8, got other bytes at ${at + 46}`);
  }
  if (view.getUint16(at + 8, true) & 1) throw fail(`must not be encrypted, got an encrypted member "${name}"`);
  const [crc, packed, size] = [16, 20, 24].map((offset) => view.getUint32(at + offset, true));
  const offset = view.getUint32(at + 42, true);
  if ([packed, size, offset].includes(0xffffffff)) throw fail(`must have members below 4 GiB, got a zip64 entry for "${name}"`);
  return { name, method: view.getUint16(at + 10, true), crc, packed, size, offset, next };
}

/** The stored bytes of a member, behind its own header. */
function packedBytes(bytes: Uint8Array, view: DataView, { name, offset, packed }: Entry, end: number, fail: Fail): Uint8Array {
  if (offset + 30 > end || view.getUint32(offset, true) !== LOCAL) {
    throw fail(`must have member "${name}" at byte ${offset}, got something else there`);
  }
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + packed > end) throw fail(`must hold member "${name}" up to byte ${start + packed}, got a directory at ${end}`);
  return bytes.subarray(start, start + packed);
}

function expand(stored: Uint8Array, { name, method, size, crc }: Entry, fail: Fail): Uint8Array {
  const own: Fail = (problem) => fail(`member "${name}" ${problem}`);
  if (method !== 0 && method !== 8) throw own(`must be stored or deflated, got method ${method}`);
  if (method === 0 && stored.length !== size) throw own(`must hold ${size} bytes, got ${stored.length}`);
  const data = method === 0 ? stored : inflated(stored, size, own);
  const found = crc32(data);
  if (found !== crc) throw own(`must have the CRC-32 ${crc.toString(16)}, got ${found.toString(16)}`);
  return data;
}

/** Deflate makes at most 258 bytes of 2 bits. */
const LARGEST_RATIO = 1032;

function inflated(stored: Uint8Array, size: number, own: Fail): Uint8Array {
  if (size > LARGEST_RATIO * (stored.length + 1))
    throw own(`must expand ${LARGEST_RATIO} times at most, got ${stored.length} to ${size} bytes`);
  let data: Uint8Array;
  try {
    data = inflateSync(stored, { out: new Uint8Array(size) });
  } catch (error) {
    throw own(`must be undamaged, got a decoding error (${error instanceof Error ? error.message : String(error)})`);
  }
  if (data.length !== size) throw own(`must hold ${size} bytes, got ${data.length}`);
  return data;
}

/**
 * The members of a zip archive by name, stored or deflated; nothing is written anywhere. `fail` makes the error of a
 * file that is no archive, is damaged, names a member twice, or would expand to more than 2 GiB.
 */
export function readZip(bytes: Uint8Array, fail: Fail): Map<string, Uint8Array> {
  if (bytes.length < END_LENGTH) throw fail(`must be a zip archive of at least ${END_LENGTH} bytes, got ${bytes.length}`);
  const view = viewOf(bytes);
  const end = findEnd(view, fail);
  const count = view.getUint16(end + 10, true);
  const start = view.getUint32(end + 16, true);
  const members = new Map<string, Uint8Array>();
  let total = 0;
  for (let i = 0, at = start; i < count; i++) {
    const entry = readEntry(bytes, view, at, end, fail);
    at = entry.next;
    total += entry.size;
    if (total > LARGEST_ARCHIVE) throw fail(`must expand to at most ${LARGEST_ARCHIVE} bytes, got ${total} by member "${entry.name}"`);
    if (members.has(entry.name)) throw fail(`must name every member once, got "${entry.name}" twice`);
    members.set(entry.name, expand(packedBytes(bytes, view, entry, start, fail), entry, fail));
  }
  return members;
}

/** A zip archive of members as they are, uncompressed, in the order of the map: equal members give equal bytes. */
export const writeZip = (members: ReadonlyMap<string, Uint8Array>): Uint8Array =>
  // The first day zip knows, written as local time whatever the zone.
  zipSync(Object.fromEntries(members), { level: 0, mtime: "1980-01-01T00:00:00" });
