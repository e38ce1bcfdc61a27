import { ShapeError } from "../../errors.ts";
import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat, requireSameDtype } from "../require.ts";
import { broadcastShapes, broadcastStrides, formatShape, sizeOf } from "../shape.ts";
import type { Meta, Tensor } from "../tensor.ts";
import { offsets } from "../walk.ts";
import { add } from "./binary.ts";
import { permute } from "./permute.ts";
import { sumTo } from "./reduce.ts";
import { reshape } from "./reshape.ts";

const lastTwo = (x: Meta): readonly number[] => x.shape.slice(-2);
const batchOf = (x: Meta): readonly number[] => x.shape.slice(0, -2);

/** Swaps the last two axes. */
function transposed(x: Tensor): Tensor {
  const perm = x.shape.map((_, i) => i);
  perm.push(...perm.splice(-2).reverse());
  return permute(x, { perm });
}

/**
 * Matrix product a [..., M, K] · b [..., K, N] -> [..., M, N]; leading axes broadcast, sums accumulate in double. A
 * 1-D operand of the public function is a row (a) or column (b) whose axis is dropped again.
 *
 * Errors: DTypeError for integers or two dtypes, ShapeError where K differs or leading axes do not broadcast.
 */
export const matmul: Op<Record<string, never>, (a: Tensor, b: Tensor) => Tensor> = defineOp(
  {
    name: "matmul",
    infer([a, b]) {
      requireFloat("matmul", "a", a);
      requireSameDtype("matmul", a, b);
      if (a.shape.length < 2 || b.shape.length < 2 || a.shape.at(-1) !== b.shape.at(-2)) {
        throw new ShapeError("matmul", `a must be [..., M, K] and b [..., K, N], got ${formatShape(a.shape)} and ${formatShape(b.shape)}`);
      }
      const batch = broadcastShapes("matmul", batchOf(a), batchOf(b));
      return [{ shape: [...batch, a.shape[a.shape.length - 2], b.shape[b.shape.length - 1]], dtype: a.dtype }];
    },
    reference([a, b], _, [y]) {
      const [m, k] = lastTwo(a);
      const n = y.shape[y.shape.length - 1];
      const batch = batchOf(y);
      const ia = offsets(batch, broadcastStrides(batchOf(a), batch));
      const ib = offsets(batch, broadcastStrides(batchOf(b), batch));
      for (let t = 0; t < ia.length; t++) {
        for (let r = 0; r < m; r++) {
          for (let c = 0; c < n; c++) {
            let sum = 0;
            for (let l = 0; l < k; l++) sum += a.data[(ia[t] * m + r) * k + l] * b.data[(ib[t] * k + l) * n + c];
            y.data[(t * m + r) * n + c] = sum;
          }
        }
      }
    },
    vjp: ([g], { inputs: [a, b], wants }) => [
      g && wants[0] ? sumTo(matmul(g, transposed(b)), a.shape) : undefined,
      g && wants[1] ? sumTo(matmul(transposed(a), g), b.shape) : undefined,
    ],
    macs([a, b]) {
      const [m, k] = lastTwo(a);
      return sizeOf(broadcastShapes("matmul", batchOf(a), batchOf(b))) * m * k * b.shape[b.shape.length - 1];
    },
    sample(draw) {
      const [m, k, n] = [draw.int(1, 4), draw.int(1, 4), draw.int(1, 4)];
      const batch = drawShape(draw, 0, 2, 3);
      const other = draw.bool() ? batch : batch.map((d) => (draw.bool() ? d : 1)).slice(draw.int(0, batch.length));
      return { inputs: [drawTensor(draw, [...batch, m, k]), drawTensor(draw, [...other, k, n])], attrs: {} };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 3]), drawTensor(draw, [2, 3])], attrs: {} }),
  },
  (run) => (a: Tensor, b: Tensor) => {
    if (a.shape.length > 1 && b.shape.length > 1) return run([a, b], {})[0];
    const left = a.shape.length === 1 ? reshape(a, { shape: [1, a.shape[0]] }) : a;
    const right = b.shape.length === 1 ? reshape(b, { shape: [b.shape[0], 1] }) : b;
    const y = run([left, right], {})[0];
    const dropped = y.shape.filter(
      (_, i) => !(a.shape.length === 1 && i === y.shape.length - 2) && !(b.shape.length === 1 && i === y.shape.length - 1),
    );
    return reshape(y, { shape: dropped });
  },
);

/** x [..., I] · weightᵀ [I, O] + bias [O] -> [..., O]; weight has shape [O, I]. Errors: as `matmul`. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const y = matmul(x, transposed(weight));
  return bias ? add(y, bias) : y;
}
