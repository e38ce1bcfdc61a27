import { ArgumentError, ShapeError } from "../../errors.ts";
import { didYouMean } from "../../suggest.ts";
import { formatShape, type Tensor } from "../../tensor/index.ts";
import type { Heads, Prediction } from "../detector.ts";

/** How the outputs of one kind of detector are read. */
export interface Decoder {
  /** log H [N, C, P], differentiable. */
  logScores(heads: Heads): Tensor;
  /** Every candidate of every image at or above the card's score threshold, before suppression, in input pixels; formats that decode peaks give the best `maxDetections`. */
  candidates(heads: Heads): Prediction[][];
}

/** Below this a score is read as this, so that its logarithm stays finite in float32. */
export const LEAST_SCORE = 1e-30;

/** The output a card names, or an ArgumentError that lists what there is. */
export function headNamed(heads: Heads, name: string): Tensor {
  const found = heads[name];
  if (found) return found;
  throw new ArgumentError(
    "detector",
    `outputs of the network must include the card's "${name}", got ${Object.keys(heads).join(", ")} (${didYouMean(name, Object.keys(heads))})`,
  );
}

/** Throws ShapeError unless the output has the shape the card's format promises; -1 stands for any length. */
export function requireHead(name: string, x: Tensor, want: readonly number[]): void {
  if (x.shape.length === want.length && want.every((d, i) => d === -1 || d === x.shape[i])) return;
  const wanted = `[${want.map((d) => (d === -1 ? "?" : d)).join(",")}]`;
  throw new ShapeError("detector", `output "${name}" must have shape ${wanted} for this card, got ${formatShape(x.shape)}`);
}
