import type { z } from "zod";
import type { Tensor } from "../../tensor/index.ts";
import type { Heads, Prediction } from "../detector.ts";
import type { NetworkView } from "../network.ts";

/** How the outputs of one kind of detector are read. */
export interface Decoder {
  /** log H [N, C, P], differentiable. */
  logScores(heads: Heads): Tensor;
  /** Rows and columns of the maps that the positions of log H are, in their order; absent where they are no maps. */
  maps?(heads: Heads): readonly (readonly [rows: number, columns: number])[];
  /** Boxes [N, 4, P] as x1, y1, x2, y2 in input pixels, positions as in log H, differentiable; absent where positions have no boxes. */
  boxes?(heads: Heads): Tensor;
  /** Every candidate of every image at or above the card's score threshold, before suppression, in input pixels; formats that decode peaks give the best `maxDetections`. */
  candidates(heads: Heads): Prediction[][];
}

/** What a format's schema shows of itself. */
export interface CardSchema<C> extends z.ZodType<C> {
  readonly shape: { readonly outputs: { readonly shape: Readonly<Record<string, unknown>> } & z.ZodType } & Readonly<
    Record<string, unknown>
  >;
}

/**
 * Everything known about one kind of detector: what its card says, which networks are of its kind, and how their outputs
 * are read. A format is one file of this folder and one line of its index.
 */
export interface Format<C extends { readonly format: string }> {
  /** The card's `format`. */
  readonly name: C["format"];
  readonly schema: CardSchema<C>;
  /** The card of a network that is unmistakably of this kind. At most one format may know a network. */
  preset(network: NetworkView): C | undefined;
  decoder(card: C): Decoder;
}
