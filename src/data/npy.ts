import { ArgumentError } from "../errors.ts";
import { shownValue } from "../shown.ts";
import { type DType, formatShape, permute, sizeOf, Tensor } from "../tensor/index.ts";
import { type Element, elements, written } from "./elements.ts";

type Fail = (problem: string) => ArgumentError;

/** "\x93NUMPY". */
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const LARGEST_HEADER = 65536;

/** Element types by numpy's kind and width. */
const KINDS: Readonly<Record<string, Element>> = {
  b1: elements.bool,
  u1: elements.u8,
  i1: elements.i8,
  i2: elements.i16,
  u2: elements.u16,
  f2: elements.f16,
  i4: elements.i32,
  u4: elements.u32,
  f4: elements.f32,
  f8: elements.f64,
  i8: elements.i64,
  u8: elements.u64,
};

/**
 * Reads one array in numpy's .npy form, versions 1 to 3, of either byte order and storage order. Half floats widen
 * to f32 exactly, bool becomes u8, 16-bit integers i32; 32-bit unsigned and 64-bit integers become i32 where every
 * value fits and f64 otherwise (nearest double).
 *
 * Errors: ArgumentError naming `name` and the fault: another magic number, a header that is no literal, an element type
 * that is not numeric, data shorter or longer than the header says. Source: NEP 1.
 *
 * The shape is the file's.
 */
export function readNpy(bytes: Uint8Array, name = "file"): Tensor {
  return parseNpy(bytes, (problem) => new ArgumentError("readNpy", `${name} ${problem}`));
}

/** As `readNpy`, with the error that `fail` makes. */
export function parseNpy(bytes: Uint8Array, fail: Fail): Tensor {
  const { text, body } = split(bytes, fail);
  const { descr, fortran, shape } = parseHeader(text, fail);
  const { element, little } = elementOf(descr, fail);
  const count = sizeOf(shape);
  if (!Number.isSafeInteger(count) || count * element.bytes !== body.length) {
    throw fail(`must hold ${count * element.bytes} bytes of data (${descr} ${formatShape(shape)}), got ${body.length}`);
  }
  const { dtype, data } = element.read(new DataView(body.buffer, body.byteOffset, body.byteLength), count, little);
  if (!fortran || shape.length < 2) return new Tensor(shape, dtype, data);
  const perm = shape.map((_, i) => shape.length - 1 - i);
  return permute(new Tensor([...shape].reverse(), dtype, data), { perm });
}

function split(bytes: Uint8Array, fail: Fail): { text: string; body: Uint8Array } {
  if (bytes.length < 10 || MAGIC.some((b, i) => bytes[i] !== b)) {
    throw fail(`must begin with the magic bytes of an .npy file and a header length, got ${preview(bytes)}`);
  }
  const version = bytes[6];
  if (version < 1 || version > 3) throw fail(`must be of version 1, 2 or 3, got ${version}`);
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start) throw fail(`must have a header length of ${start - 8} bytes, got ${bytes.length - 8}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > LARGEST_HEADER || start + length > bytes.length) {
    throw fail(`must have a header that fits in the file's ${bytes.length} bytes, got a header length of ${length}`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(start, start + length));
  } catch {
    throw fail("must have a UTF-8 header, got other bytes");
  }
  return { text, body: bytes.subarray(start + length) };
}

const preview = (bytes: Uint8Array): string =>
  bytes.length === 0 ? "an empty file" : `${bytes.length} bytes that begin ${Array.from(bytes.subarray(0, 8), hex).join(" ")}`;

const hex = (byte: number): string => byte.toString(16).padStart(2, "0");

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
}

/** One entry of the literal: a quoted key and a string, a truth value or a tuple of integers. */
const ENTRY = /\s*(['"])(\w+)\1\s*:\s*(?:'([^'\\]*)'|"([^"\\]*)"|(True|False)|\(([^()]*)\))\s*(,|(?=\}))/y;

function parseHeader(text: string, fail: Fail): Header {
  const literal = text.trim();
  const refuse = (): ArgumentError =>
    fail(`must have a header like {'descr': '<f4', 'fortran_order': False, 'shape': (2,), }, got ${shownValue(literal)}`);
  if (!literal.startsWith("{") || !literal.endsWith("}")) throw refuse();
  const found = new Map<string, string>();
  let at = 1;
  while (literal.slice(at).trim() !== "}") {
    ENTRY.lastIndex = at;
    const match = ENTRY.exec(literal);
    if (!match || found.has(match[2])) throw refuse();
    const quoted = match[3] ?? match[4];
    found.set(match[2], quoted !== undefined ? `'${quoted}` : (match[5] ?? `(${match[6]}`));
    at = ENTRY.lastIndex;
  }
  const [descr, fortran, tuple] = ["descr", "fortran_order", "shape"].map((key) => found.get(key) ?? "");
  if (found.size !== 3 || !descr.startsWith("'") || !/^(True|False)$/.test(fortran) || !tuple.startsWith("(")) throw refuse();
  return { descr: descr.slice(1), fortran: fortran === "True", shape: parseShape(tuple.slice(1), fail) };
}

/** "3, 4" or "3," as numbers; a single number needs its comma, as in Python. */
function parseShape(text: string, fail: Fail): number[] {
  if (text.trim() === "") return [];
  const items = text.split(",").map((item) => item.trim());
  if (items.length > 1 && items[items.length - 1] === "") items.pop();
  else if (items.length === 1) throw fail(`must have a tuple as its shape, got (${text})`);
  const shape = items.map((item) => (/^\d+L?$/.test(item) ? Number.parseInt(item, 10) : Number.NaN));
  if (!shape.every(Number.isSafeInteger)) throw fail(`must have a shape of whole numbers >= 0, got (${text})`);
  return shape;
}

function elementOf(descr: string, fail: Fail): { element: Element; little: boolean } {
  const match = /^([<>=|]?)(\w+)$/.exec(descr);
  const known = match && Object.hasOwn(KINDS, match[2]) ? KINDS[match[2]] : undefined;
  if (!match || !known) throw fail(`must have elements of ${Object.keys(KINDS).join(", ")}, got '${descr}'`);
  return { element: known, little: match[1] !== ">" };
}

const DESCR: Readonly<Record<DType, string>> = { f64: "<f8", f32: "<f4", i32: "<i4", i8: "|i1", u8: "|u1" };

/** Writes one array in numpy's .npy form, version 1: row-major, little-endian, data at a multiple of 64 bytes. The shape is kept. */
export function writeNpy({ shape, dtype, data }: Tensor): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const literal = `{'descr': '${DESCR[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const start = Math.ceil((MAGIC.length + 4 + literal.length + 1) / 64) * 64;
  const header = `${literal.padEnd(start - MAGIC.length - 5)}\n`;
  const { bytes: width, set } = written[dtype];
  const bytes = new Uint8Array(start + data.length * width);
  const view = new DataView(bytes.buffer);
  bytes.set([...MAGIC, 1, 0]);
  view.setUint16(8, header.length, true);
  bytes.set(new TextEncoder().encode(header), 10);
  for (let i = 0; i < data.length; i++) set(view, start + i * width, data[i]);
  return bytes;
}
