import { type Draw, drawShape, drawTensor } from "../draw.ts";
import { type Call, defineOp, type Op, type OpDef } from "../op.ts";
import { requireFloat } from "../require.ts";
import { normalizeAxis, splitAt } from "../shape.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { mul, sub } from "./binary.ts";
import { sum } from "./reduce.ts";
import { exp } from "./unary.ts";

interface SoftmaxAttrs {
  readonly dim: number;
}

type Softmax = Op<SoftmaxAttrs, (x: Tensor, options: SoftmaxAttrs) => Tensor>;

function softmaxRow(name: string, finish: (shifted: number, total: number) => number, vjp: OpDef<SoftmaxAttrs>["vjp"]): Softmax {
  return defineOp(
    {
      name,
      infer([x], { dim }) {
        requireFloat(name, "x", x);
        normalizeAxis(name, dim, x.shape.length);
        return [{ shape: x.shape, dtype: x.dtype }];
      },
      reference([x], { dim }, [y]) {
        const [outer, length, inner] = splitAt(x.shape, dim);
        for (let o = 0; o < outer; o++) {
          for (let i = 0; i < inner; i++) {
            const at = (l: number) => (o * length + l) * inner + i;
            let top = -Infinity;
            for (let l = 0; l < length; l++) top = Math.max(top, x.data[at(l)]);
            let total = 0;
            for (let l = 0; l < length; l++) total += Math.exp(x.data[at(l)] - top);
            for (let l = 0; l < length; l++) y.data[at(l)] = finish(x.data[at(l)] - top, total);
          }
        }
      },
      vjp,
      sample: drawSoftmax,
      misuse: () => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: { dim: 0 } }),
    },
    (run) =>
      (x: Tensor, { dim }: SoftmaxAttrs) =>
        run([x], { dim: normalizeAxis(name, dim, x.shape.length) })[0],
  );
}

function drawSoftmax(draw: Draw): Call<SoftmaxAttrs> {
  const shape = drawShape(draw, 1, 3);
  return { inputs: [drawTensor(draw, shape)], attrs: { dim: draw.int(0, shape.length - 1) } };
}

/**
 * eˣ / Σ eˣ along `dim`, shifted by the maximum so that nothing overflows. Shape: any, kept. Errors: DTypeError for
 * integers, ShapeError for a `dim` that x does not have.
 */
export const softmax: Softmax = softmaxRow(
  "softmax",
  (shifted, total) => Math.exp(shifted) / total,
  ([g], { outputs: [y], attrs: { dim } }) => [g && mul(y, sub(g, sum(mul(g, y), { dim, keepdim: true })))],
);

/**
 * x - log Σ eˣ along `dim`, shifted by the maximum so that nothing overflows. Shape: any, kept. Errors: DTypeError for
 * integers, ShapeError for a `dim` that x does not have.
 */
export const logSoftmax: Softmax = softmaxRow(
  "logSoftmax",
  (shifted, total) => shifted - Math.log(total),
  ([g], { outputs: [y], attrs: { dim } }) => [g && sub(g, mul(exp(y), sum(g, { dim, keepdim: true })))],
);
