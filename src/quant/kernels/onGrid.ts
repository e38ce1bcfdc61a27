import { type Expr, op } from "../../wasm/index.ts";

/** A quantizer with one value in all lanes: the zero point is whole, the ends are codes. */
export interface VectorGrid {
  readonly scale: Expr<"v128">;
  readonly zeroPoint: Expr<"v128">;
  readonly lowest: Expr<"v128">;
  readonly highest: Expr<"v128">;
}

/** Fake quantization of four finite floats, with the bits of the op. */
export function onGrid(v: Expr<"v128">, { scale, zeroPoint, lowest, highest }: VectorGrid): Expr<"v128"> {
  const code = op("f32x4.add", op("f32x4.nearest", op("f32x4.div", v, scale)), zeroPoint);
  return op("f32x4.mul", op("f32x4.sub", op("f32x4.pmin", op("f32x4.pmax", code, lowest), highest), zeroPoint), scale);
}
