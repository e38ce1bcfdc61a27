import type { Tensor } from "../../tensor/index.ts";
import type { Range, Scheme } from "../scheme.ts";

/** A way to put real values on a grid. Parameters are plain tensors, so they can be learned, saved and compared. */
export interface Quantizer<P extends Readonly<Record<string, Tensor>>> {
  /** As the record writes it. */
  readonly name: string;
  /** Parameters that fit a range; `x` where they depend on the values themselves. Shapes: parameters are [1] or [C]. */
  init(range: Range, scheme: Scheme, x?: Tensor): P;
  /** Values on the grid, same shape and dtype as x; differentiable, straight-through where it rounds. */
  fakeQuant(x: Tensor, params: P, scheme: Scheme): Tensor;
  /** Integer codes in [qmin, qmax]: i8 or u8 where the scheme fits, else i32. */
  quantize(x: Tensor, params: P, scheme: Scheme): Tensor;
  /** Values of codes, in the dtype of the parameters. Shape: any, kept. */
  dequantize(codes: Tensor, params: P, scheme: Scheme): Tensor;
  /** The parameters a refinement may move. */
  readonly learnable: readonly (keyof P)[];
}
