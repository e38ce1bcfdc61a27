/** Why compressed bytes cannot be read. */
type Fail = (problem: string) => Error;

/** Deflate makes at most 258 bytes of 2 bits. */
export const LARGEST_RATIO = 1032;

/** Symbol and length of every code as a table over the next `bits` bits: symbol · 16 + length, 0 where no code begins so. */
interface Code {
  readonly bits: number;
  readonly table: Uint16Array;
}

/** Reads bits from the lowest upwards. */
class BitReader {
  readonly #source: Uint8Array;
  readonly #fail: Fail;
  #at = 0;
  #held = 0;
  #count = 0;

  constructor(source: Uint8Array, fail: Fail) {
    this.#source = source;
    this.#fail = fail;
  }

  /** The next `n` <= 16 bits as a number. */
  take(n: number): number {
    this.#fill(n);
    if (this.#count < n) throw this.#fail(`must go on after ${this.#source.length} compressed bytes, got their end`);
    return this.#drop(n);
  }

  /** The next symbol of a code. */
  symbol({ bits, table }: Code): number {
    this.#fill(bits);
    const entry = table[this.#held & ((1 << bits) - 1)];
    const length = entry & 15;
    if (length === 0 || length > this.#count) throw this.#fail(`must hold valid codes, got another near compressed byte ${this.#at}`);
    this.#drop(length);
    return entry >> 4;
  }

  /** Skips to the next whole byte and takes `n` bytes from there. */
  bytes(n: number): Uint8Array {
    this.#drop(this.#count % 8);
    this.#at -= this.#count / 8;
    this.#held = 0;
    this.#count = 0;
    if (this.#at + n > this.#source.length) {
      throw this.#fail(`must go on for ${n} bytes after compressed byte ${this.#at}, got ${this.#source.length - this.#at}`);
    }
    this.#at += n;
    return this.#source.subarray(this.#at - n, this.#at);
  }

  /** Whole bytes that nobody took. */
  get left(): number {
    return this.#source.length - this.#at + Math.floor(this.#count / 8);
  }

  #fill(n: number): void {
    while (this.#count < n && this.#at < this.#source.length) {
      this.#held |= this.#source[this.#at++] << this.#count;
      this.#count += 8;
    }
  }

  #drop(n: number): number {
    const value = this.#held & ((1 << n) - 1);
    this.#held >>>= n;
    this.#count -= n;
    return value;
  }
}

/** The canonical prefix code of these lengths; codes are read from their highest bit, the table from its lowest. */
function codeOf(lengths: ArrayLike<number>, fail: Fail): Code {
  const bits = Math.max(1, ...Array.from(lengths));
  const table = new Uint16Array(1 << bits);
  let next = 0;
  for (let length = 1; length <= bits; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== length) continue;
      if (next >> length > 0) throw fail("must hold complete code tables, got more codes than fit");
      let mirrored = 0;
      for (let i = 0; i < length; i++) if (next & (1 << i)) mirrored |= 1 << (length - 1 - i);
      for (let i = mirrored; i < table.length; i += 1 << length) table[i] = symbol * 16 + length;
      next++;
    }
    next <<= 1;
  }
  return { bits, table };
}

/** Values that grow with their symbol by 2^extra: from `first`, `extras[i]` bits behind symbol i. */
function bases(first: number, extras: readonly number[]): number[] {
  let next = first;
  return extras.map((extra) => {
    next += 2 ** extra;
    return next - 2 ** extra;
  });
}

const LENGTH_EXTRA = [...Array.from({ length: 28 }, (_, i) => Math.max(0, (i >> 2) - 1)), 0];
const LENGTH_BASE = [...bases(3, LENGTH_EXTRA.slice(0, 28)), 258];
const DISTANCE_EXTRA = Array.from({ length: 30 }, (_, i) => Math.max(0, (i >> 1) - 1));
const DISTANCE_BASE = bases(1, DISTANCE_EXTRA);
/** The order in which the lengths of the code of code lengths are stored. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

const fixedLengths = (): Uint8Array => Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8));

/** The two codes a block begins with: literals and lengths, distances. */
function readCodes(reader: BitReader, fail: Fail): [Code, Code] {
  const [literals, distances, count] = [reader.take(5) + 257, reader.take(5) + 1, reader.take(4) + 4];
  const small = new Uint8Array(19);
  for (let i = 0; i < count; i++) small[ORDER[i]] = reader.take(3);
  const code = codeOf(small, fail);
  const lengths = new Uint8Array(literals + distances);
  for (let i = 0; i < lengths.length; ) {
    const symbol = reader.symbol(code);
    if (symbol < 16) {
      lengths[i++] = symbol;
      continue;
    }
    const times = symbol === 16 ? 3 + reader.take(2) : symbol === 17 ? 3 + reader.take(3) : 11 + reader.take(7);
    if ((symbol === 16 && i === 0) || i + times > lengths.length) {
      throw fail(`must repeat code lengths within their ${lengths.length}, got ${times} after ${i}`);
    }
    lengths.fill(symbol === 16 ? lengths[i - 1] : 0, i, i + times);
    i += times;
  }
  return [codeOf(lengths.subarray(0, literals), fail), codeOf(lengths.subarray(literals), fail)];
}

/** Writes one coded block behind the `at` bytes of `out` and returns where it ends. */
function expandBlock(reader: BitReader, [literal, distance]: readonly [Code, Code], out: Uint8Array, at: number, fail: Fail): number {
  for (let end = at; ; ) {
    const symbol = reader.symbol(literal);
    if (symbol === 256) return end;
    const index = symbol - 257;
    if (index >= LENGTH_BASE.length) throw fail(`must hold valid lengths, got symbol ${symbol}`);
    const length = index < 0 ? 1 : LENGTH_BASE[index] + reader.take(LENGTH_EXTRA[index]);
    if (end + length > out.length) throw fail(`must expand to ${out.length} bytes, got more`);
    if (index < 0) {
      out[end++] = symbol;
      continue;
    }
    const far = reader.symbol(distance);
    if (far >= DISTANCE_BASE.length) throw fail(`must hold valid distances, got symbol ${far}`);
    const from = end - DISTANCE_BASE[far] - reader.take(DISTANCE_EXTRA[far]);
    if (from < 0) throw fail(`must copy what is there, got a copy from ${-from} bytes before the start`);
    for (let i = 0; i < length; i++) out[end + i] = out[from + i];
    end += length;
  }
}

function storedBlock(reader: BitReader, out: Uint8Array, at: number, fail: Fail): number {
  const [a, b, c, d] = reader.bytes(4);
  const length = a + 256 * b;
  if (length !== 65535 - (c + 256 * d)) throw fail(`must state the length of a stored block twice alike, got ${length} and another`);
  if (at + length > out.length) throw fail(`must expand to ${out.length} bytes, got more`);
  out.set(reader.bytes(length), at);
  return at + length;
}

/** Expands deflated bytes (RFC 1951) to exactly `size` bytes; `fail` makes the error of a file that is not so. */
export function inflate(source: Uint8Array, size: number, fail: Fail): Uint8Array {
  if (size > source.length * LARGEST_RATIO) {
    throw fail(`must state a size that ${source.length} compressed bytes can have, at most ${source.length * LARGEST_RATIO}, got ${size}`);
  }
  const out = new Uint8Array(size);
  const reader = new BitReader(source, fail);
  let at = 0;
  for (let last = false; !last; ) {
    last = reader.take(1) === 1;
    const kind = reader.take(2);
    if (kind === 0) at = storedBlock(reader, out, at, fail);
    else if (kind === 1) at = expandBlock(reader, [codeOf(fixedLengths(), fail), codeOf(new Uint8Array(30).fill(5), fail)], out, at, fail);
    else if (kind === 2) at = expandBlock(reader, readCodes(reader, fail), out, at, fail);
    else throw fail("must hold blocks of kind 0, 1 or 2, got 3");
  }
  if (at !== size) throw fail(`must expand to ${size} bytes, got ${at}`);
  if (reader.left > 0) throw fail(`must end with its last block, got ${reader.left} bytes behind it`);
  return out;
}
