import { ArgumentError } from "../errors.ts";
import { shownValue } from "../shown.ts";
import { formatShape, sizeOf, Tensor } from "../tensor/index.ts";
import { type Element, elements, written } from "./elements.ts";
import { jsonProblem } from "./jsonProblem.ts";

/** What a safetensors file holds. */
export interface TensorFile {
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The texts of `__metadata__`; empty where there are none. */
  readonly metadata: ReadonlyMap<string, string>;
}

type Fail = (problem: string) => ArgumentError;

const LARGEST_HEADER = 100e6;

/**
 * Reads a safetensors file. F16 and BF16 widen to f32 exactly, BOOL becomes u8, 16-bit integers i32; 32-bit unsigned
 * and 64-bit integers become i32 where every value fits and f64 otherwise (nearest double).
 *
 * Errors: ArgumentError for a truncated, overlapping, incomplete or otherwise malformed file, naming it by `name`.
 */
export function readSafetensors(bytes: Uint8Array, name = "file"): TensorFile {
  const fail: Fail = (problem) => new ArgumentError("readSafetensors", `${name} ${problem}`);
  if (bytes.length < 8) throw fail(`must begin with an 8-byte header length, got ${bytes.length} bytes`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8) || length > LARGEST_HEADER) {
    throw fail(`must have a header that fits in the file's ${bytes.length} bytes, got a header length of ${length}`);
  }
  const start = 8 + Number(length);
  const header = parseHeader(bytes.subarray(8, start), fail);
  const body = bytes.subarray(start);
  const tensors = new Map<string, Tensor>();
  let metadata = new Map<string, string>();
  const ranges: { name: string; begin: number; end: number }[] = [];
  for (const [key, value] of Object.entries(header)) {
    if (key === "__metadata__") {
      metadata = parseMetadata(value, fail);
      continue;
    }
    const entry = parseEntry(key, value, body.length, fail);
    ranges.push({ name: key, begin: entry.begin, end: entry.end });
    tensors.set(key, readTensor(body, entry));
  }
  requireCover(ranges, body.length, fail);
  return { tensors, metadata };
}

function parseHeader(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fail("must have a UTF-8 header, got other bytes");
  }
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw fail(`must have a JSON header, got a syntax error (${jsonProblem(error, text)})`);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw fail(`must have a JSON object as its header, got ${Array.isArray(header) ? "an array" : String(header)}`);
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw fail(`must name every tensor once, got "${repeated}" twice`);
  return header as Record<string, unknown>;
}

/** A key given twice in one object of a valid JSON text; JSON.parse would silently keep the last. */
function repeatedKey(text: string): string | undefined {
  const seen: Set<string>[] = [];
  const token = /[{}]|("(?:[^"\\]|\\.)*")(\s*:)?/g;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    if (match[0] === "{") seen.push(new Set());
    else if (match[0] === "}") seen.pop();
    else if (match[2] !== undefined) {
      const key = JSON.parse(match[1]) as string;
      const keys = seen[seen.length - 1];
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function parseMetadata(value: unknown, fail: Fail): Map<string, string> {
  if (typeof value !== "object" || value === null) throw fail(`must have an object as "__metadata__", got ${String(value)}`);
  return new Map(
    Object.entries(value).map(([key, text]) => {
      if (typeof text !== "string") throw fail(`must have only strings in "__metadata__", got ${shownValue(text)} for "${key}"`);
      return [key, text];
    }),
  );
}

interface Entry {
  readonly stored: Element;
  readonly shape: readonly number[];
  readonly count: number;
  readonly begin: number;
  readonly end: number;
}

function parseEntry(key: string, value: unknown, available: number, fail: Fail): Entry {
  const { dtype, shape, data_offsets: offsets } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof dtype !== "string" || !Object.hasOwn(STORED, dtype)) {
    throw fail(`tensor "${key}" must have a dtype of ${Object.keys(STORED).join(", ")}, got ${shownValue(dtype)}`);
  }
  const isSize = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw fail(`tensor "${key}" must have a shape of whole numbers >= 0, got ${shownValue(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw fail(`tensor "${key}" must have data_offsets of two whole numbers >= 0, got ${shownValue(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > available) {
    throw fail(`tensor "${key}" must have data_offsets within the ${available} data bytes, got ${begin} to ${end}`);
  }
  const stored = STORED[dtype];
  const count = sizeOf(shape);
  if (!Number.isSafeInteger(count) || count * stored.bytes !== end - begin) {
    throw fail(`tensor "${key}" must cover ${count * stored.bytes} bytes (${dtype}${formatShape(shape)}), got ${end - begin}`);
  }
  return { stored, shape, count, begin, end };
}

function readTensor(body: Uint8Array, { stored, shape, count, begin, end }: Entry): Tensor {
  const { dtype, data } = stored.read(new DataView(body.buffer, body.byteOffset + begin, end - begin), count, true);
  return new Tensor(shape, dtype, data);
}

function requireCover(ranges: { name: string; begin: number; end: number }[], length: number, fail: Fail): void {
  let covered = 0;
  for (const { name, begin, end } of ranges.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const what = begin < covered ? "overlaps the one before it" : "leaves a hole before it";
      throw fail(`must have tensors side by side, got "${name}" at byte ${begin} where ${covered} was next (it ${what})`);
    }
    covered = end;
  }
  if (covered !== length) throw fail(`must have every data byte in a tensor, got ${length - covered} bytes at the end that belong to none`);
}

const STORED: Readonly<Record<string, Element>> = {
  BOOL: elements.bool,
  U8: elements.u8,
  I8: elements.i8,
  I16: elements.i16,
  U16: elements.u16,
  F16: elements.f16,
  BF16: elements.bf16,
  I32: elements.i32,
  U32: elements.u32,
  F32: elements.f32,
  F64: elements.f64,
  I64: elements.i64,
  U64: elements.u64,
};

/**
 * Writes a safetensors file: widest element type first, then by name, so that equal tensors give equal bytes. Errors:
 * ArgumentError for a tensor called `__metadata__`. Shapes are kept.
 */
export function writeSafetensors(tensors: ReadonlyMap<string, Tensor>, metadata: ReadonlyMap<string, string> = new Map()): Uint8Array {
  const order = [...tensors].sort(([a, x], [b, y]) => written[y.dtype].bytes - written[x.dtype].bytes || (a < b ? -1 : 1));
  const entries: [string, unknown][] = metadata.size > 0 ? [["__metadata__", Object.fromEntries(metadata)]] : [];
  let offset = 0;
  for (const [key, { dtype, shape, size }] of order) {
    if (key === "__metadata__") throw new ArgumentError("writeSafetensors", `a tensor's name must not be reserved, got "${key}"`);
    const end = offset + size * written[dtype].bytes;
    entries.push([key, { dtype: dtype.toUpperCase(), shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const members = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + offset).fill(0x20, 8, 8 + headerLength);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(headerLength), true);
  bytes.set(json, 8);
  let at = 8 + headerLength;
  for (const [, { dtype, data }] of order) {
    const { bytes: width, set } = written[dtype];
    for (let i = 0; i < data.length; i++, at += width) set(view, at, data[i]);
  }
  return bytes;
}
