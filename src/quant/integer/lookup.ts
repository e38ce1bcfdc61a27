import { roundHalfEven } from "../../tensor/index.ts";
import type { Curve } from "./activation.ts";
import type { Grid } from "./grid.ts";

/** The codes of an activation by cells of its input: cell round((x - low) * perUnit), cut to the table. */
export interface Lookup {
  readonly low: number;
  readonly perUnit: number;
  /** A byte for each cell: the code all its inputs get, or the marker where that is not certain. */
  readonly codes: Uint8Array;
  readonly marker: number;
}

/** Cells of a table: it just fits the first-level cache, of which activations use a part. */
export const CELLS = 2 ** 15;
/** How far the cell of an input may be off by rounding, in cells: `lookupOf` sees to it that sums keep within. */
const SLACK = 1 / 8;
/** Size of (x - low) * perUnit below which its roundings, and those of x, together stay within the slack. */
const LARGEST = 2 ** 17;
/** Error of a value in steps of its grid that f32 arithmetic makes: codes are below 2^9, and it is divided and added to. */
const ROUNDING = 2 ** -13;

/**
 * The table of codes of an activation on a grid, for inputs within [-reach, reach] of which a summand of at most `shift` is
 * added in float. A cell has a code only where it is that of every input that may land there, whichever way floats round.
 * Undefined where that cannot be said.
 */
export function lookupOf(curve: Curve, { scale, zeroPoint, qmin, qmax }: Grid, reach: number, shift: number): Lookup | undefined {
  const [step, zero] = [scale[0], zeroPoint[0]];
  let low = curve.turn;
  while (curve.at(low) < -0.4 * step) low -= 0.25;
  const high = (qmax - zero + 1) * step + 2;
  const perUnit = (CELLS - 1) / (high - low);
  const farLeft = reach * curve.error < 0.05 * step;
  if (scale.length > 1 || !(step > 0) || !farLeft || (shift + Math.abs(low)) * perUnit > LARGEST) return undefined;
  // The code above all others is looked up like a marker where every byte is a code.
  const marker = (qmax - qmin < 255 ? qmax + 1 : qmax) & 255;
  const codeOf = (y: number): number => Math.min(Math.max(roundHalfEven(y / step), qmin - zero), qmax - zero) + zero;
  const codes = Uint8Array.from({ length: CELLS }, (_, i) => {
    const from = i === 0 ? -reach : low + (i - 0.5 - SLACK) / perUnit;
    const to = low + (i + 0.5 + SLACK) / perUnit;
    const [first, last] = [curve.at(from), i === CELLS - 1 ? Number.POSITIVE_INFINITY : curve.at(to)];
    const error = Math.max(Math.abs(from), Math.abs(to)) * curve.error + ROUNDING * step;
    const bottom = from < curve.turn && curve.turn < to ? curve.at(curve.turn) : Math.min(first, last);
    const [least, most] = [codeOf(bottom - error), codeOf(Math.max(first, last) + error)];
    return least === most ? least : marker;
  });
  return { low, perUnit, codes, marker };
}
