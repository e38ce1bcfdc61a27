import type { Meta, Tensor } from "../../tensor/index.ts";

/** A tensor of the file while its graph is being built. */
export interface Operand {
  readonly name: string;
  /** Free dimensions taken as 1. */
  readonly meta: Meta;
  /** Known already: an initializer or something computed from constants alone. */
  readonly value?: Tensor;
  /** Element type of a constant in the file, an ONNX number. */
  readonly onnxType?: number | undefined;
  /** Integer codes written by QuantizeLinear, which only DequantizeLinear may read. */
  readonly codes?: Codes;
}

/** What a QuantizeLinear did to `source`. */
export interface Codes {
  readonly source: Operand;
  /** [1] or [C]. */
  readonly scale: Tensor;
  readonly zeroPoint: Tensor;
  readonly qmin: number;
  readonly qmax: number;
  readonly axis: number | null;
}

/** An operand with a known value. */
export const constant = (name: string, value: Tensor, onnxType?: number): Operand => ({
  name,
  meta: { shape: value.shape, dtype: value.dtype },
  value,
  onnxType,
});
