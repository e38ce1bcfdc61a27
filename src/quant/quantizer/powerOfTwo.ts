import { clipsOf, scalesFor } from "./clip.ts";
import { mirrored, nearestLevel } from "./levels.ts";

/** Exponents above this need more than the 23 bits a float32 sum keeps: such levels are written as fractions. */
const LARGEST_EXPONENT = 22;

/** What float32 holds below 1 without losing bits. */
const MOST_POWERS = 127;

/** The ascending magnitudes 0, 2^-(n-1), ..., 1/2, 1 of n powers, as whole numbers where they fit. */
export function powerMagnitudes(powers: number): number[] {
  const shift = powers - 1 <= LARGEST_EXPONENT ? 0 : powers - 1;
  return [0, ...Array.from({ length: powers }, (_, e) => 2 ** (e - shift))];
}

/**
 * Powers of two and zero, with a sign where codes are signed: 0, 1, 2, 4 ... times the scale, as far as the codes reach. The
 * largest level starts at the clip.
 *
 * Source: Miyashita et al. 2016, with the scale of APoT.
 */
export const powerOfTwo = /* @__PURE__ */ nearestLevel("powerOfTwo", (range, scheme, x) => {
  const { signed, bits, qmin, qmax } = scheme;
  const magnitudes = powerMagnitudes(Math.min(MOST_POWERS, signed ? 2 ** (bits - 1) - 1 : qmax - qmin));
  return { scale: scalesFor(clipsOf(range, scheme, x), magnitudes[magnitudes.length - 1]), levels: mirrored(magnitudes, signed) };
});
