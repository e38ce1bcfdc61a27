import { ArgumentError, ShapeError } from "../../errors.ts";
import { didYouMean } from "../../suggest.ts";
import { formatShape, type Tensor } from "../../tensor/index.ts";
import type { Heads } from "../detector.ts";

/** Below this a score is read as this, so that its logarithm stays finite in float32. */
export const LEAST_SCORE = 1e-30;

/**
 * The output a card names. Errors: ArgumentError that lists what there is; ShapeError unless the output has the shape
 * the card's format promises, in which -1 stands for any length.
 */
export function readHead(heads: Heads, name: string, want: readonly number[]): Tensor {
  const x = Object.hasOwn(heads, name) ? heads[name] : undefined;
  if (!x) {
    const names = Object.keys(heads);
    throw new ArgumentError(
      "detector",
      `outputs of the network must include the card's "${name}", got ${names.join(", ")} (${didYouMean(name, names)})`,
    );
  }
  if (x.shape.length === want.length && want.every((d, i) => d === -1 || d === x.shape[i])) return x;
  const wanted = `[${want.map((d) => (d === -1 ? "?" : d)).join(",")}]`;
  throw new ShapeError("detector", `output "${name}" must have shape ${wanted} for this card, got ${formatShape(x.shape)}`);
}
