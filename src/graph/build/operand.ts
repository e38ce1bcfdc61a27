import type { Meta, Tensor } from "../../tensor/index.ts";

/** A tensor of the file while its graph is being built. */
export interface Operand {
  /** The tensor's name in the graph. */
  readonly name: string;
  /** Free dimensions taken as 1. */
  readonly meta: Meta;
  /** Known already: an initializer or something computed from constants alone. */
  readonly value?: Tensor;
  /** Element type of an input or a constant in the file, an ONNX number. */
  readonly onnxType?: number | undefined;
  /** What wrote these integer codes, if a QuantizeLinear with constant parameters did. */
  readonly codes?: Codes;
}

/** What a QuantizeLinear did to `source`. */
export interface Codes {
  readonly source: Operand;
  /** [1] or [C]. */
  readonly scale: Tensor;
  /** The code of 0, of the shape of `scale`. */
  readonly zeroPoint: Tensor;
  /** The lowest code. */
  readonly qmin: number;
  /** The highest code. */
  readonly qmax: number;
  /** The axis that `scale` runs along; null for one scale. */
  readonly axis: number | null;
}

/** An operand with a known value. The shape is that of `value`. */
export const constant = (name: string, value: Tensor, onnxType?: number): Operand => ({
  name,
  meta: { shape: value.shape, dtype: value.dtype },
  value,
  onnxType,
});
