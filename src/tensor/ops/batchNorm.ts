import { ShapeError } from "../../errors.ts";
import { type Draw, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat, requireSameDtype, requireShape } from "../require.ts";
import { formatShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add, mul, sub } from "./binary.ts";
import { sum } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { rsqrt } from "./unary.ts";

interface BatchNormAttrs {
  readonly eps: number;
}

const NAMES = ["gamma", "beta", "mean", "variance"] as const;

/** The cotangents of all five inputs; those of mean and variance carry training's dependence on the batch. */
function gradients(
  g: Tensor,
  [x, gamma, , mean, variance]: readonly Tensor[],
  eps: number,
  wants: readonly boolean[],
): (Tensor | undefined)[] {
  const along = (p: Tensor) => reshape(p, { shape: x.shape.map((_, i) => (i === 1 ? p.size : 1)) });
  const perChannel = (t: Tensor) => sum(t, { dim: x.shape.map((_, i) => i).filter((i) => i !== 1) });
  const spread = rsqrt(add(variance, eps));
  const dx = () => mul(g, along(mul(gamma, spread)));
  const centered = () => mul(g, sub(x, along(mean)));
  return [
    wants[0] ? dx() : undefined,
    wants[1] ? mul(perChannel(centered()), spread) : undefined,
    wants[2] ? perChannel(g) : undefined,
    wants[3] ? mul(perChannel(dx()), -1) : undefined,
    wants[4] ? mul(mul(perChannel(centered()), mul(gamma, -0.5)), mul(spread, mul(spread, spread))) : undefined,
  ];
}

/**
 * (x - mean) / √(variance + eps) · gamma + beta per channel of x [N, C, ...]; all four parameters are [C]. For
 * training, pass the batch's own mean and biased variance: gradients flow through them.
 *
 * Errors: DTypeError for integers or mixed dtypes, ShapeError where x has rank below 2 or a parameter is not [C].
 */
export const batchNorm: Op<
  BatchNormAttrs,
  (x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, options?: { eps?: number }) => Tensor
> = defineOp(
  {
    name: "batchNorm",
    infer([x, ...parameters]) {
      requireFloat("batchNorm", "x", x);
      if (x.shape.length < 2) throw new ShapeError("batchNorm", `x must have rank >= 2, got ${x.dtype}${formatShape(x.shape)}`);
      parameters.forEach((p, i) => {
        requireSameDtype("batchNorm", x, p, ["x", NAMES[i]]);
        requireShape("batchNorm", NAMES[i], p, [x.shape[1]]);
      });
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x, gamma, beta, mean, variance], { eps }, [y]) {
      const channels = x.shape[1];
      const inner = sizeOf(x.shape.slice(2));
      for (let i = 0; i < y.data.length; i++) {
        const c = Math.floor(i / inner) % channels;
        y.data[i] = ((x.data[i] - mean.data[c]) / Math.sqrt(variance.data[c] + eps)) * gamma.data[c] + beta.data[c];
      }
    },
    vjp: ([g], { inputs, attrs, wants }) => (g ? gradients(g, inputs, attrs.eps, wants) : inputs.map(() => undefined)),
    sample(draw: Draw) {
      const c = draw.int(1, 3);
      const shape = [draw.int(1, 3), c, ...(draw.bool() ? [draw.int(1, 3), draw.int(1, 3)] : [])];
      const [gamma, beta, mean] = [1, 2, 3].map(() => drawTensor(draw, [c]));
      return { inputs: [drawTensor(draw, shape), gamma, beta, mean, drawTensor(draw, [c], 0.3, 2)], attrs: { eps: 1e-3 } };
    },
    misuse: (draw) => ({
      inputs: [drawTensor(draw, [2, 3]), ...[1, 2, 3, 4].map(() => drawTensor(draw, [2]))],
      attrs: { eps: 1e-5 },
    }),
  },
  (run) =>
    (x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, { eps = 1e-5 }: { eps?: number } = {}) =>
      run([x, gamma, beta, mean, variance], { eps })[0],
);
