/** Bits of a number; "float" is float32. */
export type Bits = number | "float";

/** One layer as cost accounting sees it: what it multiplies and what it stores. */
export interface CostLayer {
  /** Name of the layer. */
  readonly name: string;
  /** Multiply-accumulates for a batch of one. */
  readonly macs: number;
  /** Number of weights, without biases; 0 where another entry stores them. */
  readonly weights: number;
  /** Bits of a weight's code. */
  readonly weightBits: Bits;
  /** Bits of a code of the input. */
  readonly activationBits: Bits;
  /** Number of biases, of 4 bytes each. Default 0. */
  readonly biases?: number;
  /** Number of weight scales and zero points: 1, or the output channels. Default 1. */
  readonly grids?: number;
  /** Float32 numbers in the table of levels that codes are indices into; zero points are left out then. Default: no table. */
  readonly levels?: number | undefined;
  /** Further float32 numbers a grid needs: LLAQ stores 4 in all, so 3 beside its scale. Default 0. */
  readonly extraFloats?: number;
}

/** Bits as a number: float32 has 32. */
export const bitsOf = (bits: Bits): number => (bits === "float" ? 32 : bits);

/** Whether a layer multiplies codes: a float on either side makes the multiplication one of floats. */
export const onCodes = ({ weightBits, activationBits }: Pick<CostLayer, "weightBits" | "activationBits">): boolean =>
  weightBits !== "float" && activationBits !== "float";
