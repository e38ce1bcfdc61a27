import { clipsOf, scalesFor } from "./clip.ts";
import { mirrored, nearestLevel } from "./levels.ts";

/**
 * The negative exponents of each set of terms for magnitudes of `bits` bits: sets of 2 bits hold 0 and three powers, an odd
 * bit is a set of 0 and one power; all exponents differ.
 *
 * Unstated: what 7 and 8 bits look like; they continue the pattern of 3 to 6.
 */
function termSets(bits: number): number[][] {
  const pairs = Math.floor(bits / 2);
  const odd = bits % 2;
  const sets = Array.from({ length: pairs }, (_, i) => [i + 1, pairs + i + 1, 2 * pairs + i + 1 + odd]);
  return odd ? [...sets, [2 * pairs + 1]] : sets;
}

/** The ascending magnitudes of `bits` bits as whole numbers, the largest exponent being one unit. */
export function additiveMagnitudes(bits: number): number[] {
  const sets = termSets(bits);
  const unit = Math.max(...sets.flat());
  const sums = sets.reduce<number[]>(
    (found, exponents) => found.flatMap((sum) => [sum, ...exponents.map((e) => sum + 2 ** (unit - e))]),
    [0],
  );
  return sums.sort((a, b) => a - b);
}

/**
 * Sums of powers of two with a scale: b bits are a sign and b - 1 bits of magnitude, or b bits of magnitude where codes are
 * unsigned. The largest level starts at the clip; 2-bit weights are uniform. Levels are whole numbers of the scale.
 *
 * Source: Li, Dong and Wang 2020 (APoT), with the term sets of its code.
 *
 * Errors: ArgumentError for unsigned symmetric codes that are one short of 2^bits.
 */
export const additivePowerOfTwo = /* @__PURE__ */ nearestLevel("additivePowerOfTwo", (range, scheme, x) => {
  const { signed, bits } = scheme;
  const magnitudes = additiveMagnitudes(signed ? bits - 1 : bits);
  return { scale: scalesFor(clipsOf(range, scheme, x), magnitudes[magnitudes.length - 1]), levels: mirrored(magnitudes, signed) };
});
