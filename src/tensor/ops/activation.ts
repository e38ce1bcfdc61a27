import { ShapeError } from "../../errors.ts";
import { drawAway, drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat, requireSameDtype } from "../require.ts";
import { broadcastShapes, broadcastStrides, formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { tensor } from "../tensor.ts";
import { offsets } from "../walk.ts";
import { add, mul } from "./binary.ts";
import { greater } from "./compare.ts";
import { erf } from "./erf.ts";
import { sumTo } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { exp, softplus, tanh } from "./unary.ts";
import { where } from "./where.ts";

interface EluAttrs {
  readonly alpha: number;
}

/**
 * x where x > 0, else alpha (eˣ - 1); alpha defaults to 1. The gradient at 0 is alpha. Source: Clevert et al. 2016, eq.
 * 15. Shape: any, kept. Errors: DTypeError for integers.
 */
export const elu: Op<EluAttrs, (x: Tensor, options?: Partial<EluAttrs>) => Tensor> = defineOp(
  {
    name: "elu",
    infer([x]) {
      requireFloat("elu", "x", x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x], { alpha }, [y]) {
      for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[i] > 0 ? x.data[i] : alpha * Math.expm1(x.data[i]);
    },
    vjp([g], { inputs: [x], attrs }) {
      if (!g) return [undefined];
      const positive = greater(x, 0);
      // The exponent is held at 0 on the side that does not use it: nothing overflows there.
      return [where(positive, g, mul(mul(g, attrs.alpha), exp(where(positive, 0, x))))];
    },
    smooth: false,
    sample: (draw) => ({ inputs: [drawAway(draw, drawShape(draw, 0, 3), [0])], attrs: { alpha: draw.oneOf([1, 0.5]) } }),
    misuse: () => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: { alpha: 1 } }),
  },
  (run) =>
    (x: Tensor, { alpha = 1 }: Partial<EluAttrs> = {}) =>
      run([x], { alpha })[0],
);

/** A slope per channel as a tensor that broadcasts to x [N, C, ...]; one slope as it is. */
function perChannel(x: Tensor, slope: Tensor): Tensor {
  if (slope.size === 1 || slope.shape.length !== 1 || x.shape.length < 2) return slope;
  return reshape(slope, { shape: [slope.size, ...x.shape.slice(2).map(() => 1)] });
}

/**
 * x where x > 0, else slope · x. A slope of rank 1 holds one number, or one for each channel of x [N, C, ...]; of
 * another rank it broadcasts to the shape of x. The gradient at 0 is the slope. Source: He et al. 2015, eq. 1.
 *
 * Errors: DTypeError for integers or two dtypes, ShapeError for a slope that does not broadcast to x.
 */
export const prelu: Op<Record<string, never>, (x: Tensor, slope: Tensor) => Tensor> = defineOp(
  {
    name: "prelu",
    infer([x, slope]) {
      requireFloat("prelu", "x", x);
      requireSameDtype("prelu", x, slope, ["x", "slope"]);
      if (!sameShape(broadcastShapes("prelu", x.shape, slope.shape), x.shape)) {
        throw new ShapeError("prelu", `slope must broadcast to the shape of x ${formatShape(x.shape)}, got ${formatShape(slope.shape)}`);
      }
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x, slope], _, [y]) {
      const at = offsets(y.shape, broadcastStrides(slope.shape, y.shape));
      for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[i] > 0 ? x.data[i] : slope.data[at[i]] * x.data[i];
    },
    vjp([g], { inputs: [x, slope], wants }) {
      if (!g) return [undefined, undefined];
      const positive = greater(x, 0);
      return [
        wants[0] ? where(positive, g, mul(g, slope)) : undefined,
        wants[1] ? sumTo(where(positive, 0, mul(g, x)), slope.shape) : undefined,
      ];
    },
    smooth: false,
    sample(draw) {
      const shape = drawShape(draw, 1, 4, 3);
      const slope = shape.map((d) => (draw.bool() ? d : 1)).slice(draw.int(0, shape.length));
      return { inputs: [drawAway(draw, shape, [0]), drawTensor(draw, slope, 0, 0.5)], attrs: {} };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [1]), drawTensor(draw, [2])], attrs: {} }),
  },
  (run) => (x: Tensor, slope: Tensor) => run([x, perChannel(x, slope)], {})[0],
);

/** √(2/π) and the weight of the cube in the tanh form of gelu. */
const TANH_SCALE = Math.sqrt(2 / Math.PI);
const CUBE = 0.044715;

/**
 * x Φ(x), Φ the standard normal distribution: x/2 (1 + erf(x/√2)); with `approximate: "tanh"` x/2 (1 + tanh(√(2/π)
 * (x + 0.044715 x³))). Source: Hendrycks and Gimpel 2016, section 2. Shape: any, kept.
 */
export function gelu(x: Tensor, { approximate = "none" }: { approximate?: "none" | "tanh" } = {}): Tensor {
  const inner = approximate === "none" ? erf(mul(x, Math.SQRT1_2)) : tanh(mul(mul(x, add(mul(mul(x, x), CUBE), 1)), TANH_SCALE));
  return mul(mul(x, 0.5), add(inner, 1));
}

/** x tanh(log(1 + eˣ)). Source: Misra 2019, eq. 1. Shape: any, kept. */
export const mish = (x: Tensor): Tensor => mul(x, tanh(softplus(x)));
