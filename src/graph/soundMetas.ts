import { ShapeError } from "../errors.ts";
import { type AnyOp, formatShape, type Meta } from "../tensor/index.ts";

/** Output shapes of an op whose attributes come from a file. Errors: those of the op; ShapeError for a size that is none. */
export function soundMetas(op: AnyOp, inputs: readonly Meta[], attrs: unknown): readonly Meta[] {
  const metas = op.infer(inputs, attrs);
  for (const { shape } of metas) {
    if (shape.every((d) => Number.isSafeInteger(d) && d >= 0)) continue;
    throw new ShapeError(op.name, `every size must be a whole number >= 0, got shape ${formatShape(shape)}`);
  }
  return metas;
}
