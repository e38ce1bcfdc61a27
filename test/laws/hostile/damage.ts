import { Rng } from "../../../src/tensor/index.ts";

/** One kind of damage to a file. */
type Damage = (bytes: Uint8Array, rng: Rng) => Uint8Array;

const flipped: Damage = (bytes, rng) => {
  const out = bytes.slice();
  for (let n = rng.int(1, 3); n > 0; n--) out[rng.int(0, out.length - 1)] ^= 1 << rng.int(0, 7);
  return out;
};

/** A range [start, end) of at least one byte. */
function rangeIn(length: number, rng: Rng): [start: number, end: number] {
  const start = rng.int(0, length - 1);
  return [start, rng.int(start + 1, Math.min(length, start + 64))];
}

const cut: Damage = (bytes, rng) => bytes.slice(0, rng.int(0, bytes.length - 1));

const zeroed: Damage = (bytes, rng) => bytes.slice().fill(0, ...rangeIn(bytes.length, rng));

const repeated: Damage = (bytes, rng) => {
  const [start, end] = rangeIn(bytes.length, rng);
  const out = new Uint8Array(bytes.length + end - start);
  out.set(bytes.subarray(0, end));
  out.set(bytes.subarray(start), end);
  return out;
};

/** One to three flipped bits three times out of four, else a cut, a zeroed or a repeated range. */
export function damaged(bytes: Uint8Array, seed: string): Uint8Array {
  const rng = new Rng(seed);
  if (rng.int(0, 3) > 0) return flipped(bytes, rng);
  return rng.oneOf([cut, zeroed, repeated])(bytes, rng);
}
