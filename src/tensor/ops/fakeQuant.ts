import { type Draw, drawTensor } from "../draw.ts";
import { type Call, defineOp, type Op, type VjpContext } from "../op.ts";
import { roundHalfEven } from "../round.ts";
import { normalizeAxis } from "../shape.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { add, div, mul, sub } from "./binary.ts";
import { greater, less } from "./compare.ts";
import { aligned, channelsOf, fakeQuantGrad, requireQuantizer } from "./fakeQuantGrad.ts";
import { sumTo } from "./reduce.ts";
import { round } from "./unary.ts";
import { where } from "./where.ts";

/** Ends of the integer codes, and the axis that has a scale of its own per entry (null: one scale for all). */
export interface FakeQuantAttrs {
  /** The lowest code. */
  readonly qmin: number;
  /** The highest code. */
  readonly qmax: number;
  readonly axis: number | null;
}

/** The gradients that are wanted, in one pass over g and x. */
function gradients(
  g: Tensor,
  { inputs: [x, scale, zeroPoint], attrs, wants: [ofX, ofScale, ofZeroPoint] }: VjpContext<FakeQuantAttrs>,
): (Tensor | undefined)[] {
  const wants = [ofX!, ofScale!, ofZeroPoint!] as const;
  if (!wants.includes(true)) return [undefined, undefined, undefined];
  const found = [...fakeQuantGrad(g, x, scale, zeroPoint, { ...attrs, wants })];
  return wants.map((wanted) => (wanted ? found.shift() : undefined));
}

/**
 * Freezes the rounding residual and the side of the clip at the point, so that what is left is smooth:
 * s · (v + r0) inside, s · (qmin - z) below, s · (qmax - z) above.
 */
function surrogate({
  inputs: [x0, s0, z0],
  attrs: { qmin, qmax, axis },
}: Call<FakeQuantAttrs>): (inputs: readonly Tensor[]) => readonly Tensor[] {
  const v0 = div(x0, aligned(s0, x0, axis));
  const residual = sub(round(v0), v0);
  const code = add(round(v0), round(aligned(z0, x0, axis)));
  const [below, above] = [less(code, qmin), greater(code, qmax)];
  return ([x, scale, zeroPoint]) => {
    const s = aligned(scale, x, axis);
    const z = aligned(zeroPoint, x, axis);
    const q = where(below, sub(qmin, z), where(above, sub(qmax, z), add(div(x, s), residual)));
    return [sumTo(mul(q, s), x.shape)];
  };
}

function drawFakeQuant(draw: Draw): Call<FakeQuantAttrs> {
  const shape = [draw.int(1, 3), draw.int(1, 3), draw.int(1, 3)];
  const axis = draw.bool() ? draw.int(0, 2) : null;
  const channels = axis === null ? 1 : shape[axis];
  const zeroPoint = tensor(
    Array.from({ length: channels }, () => draw.int(-3, 3)),
    [channels],
    draw.dtype,
  );
  return { inputs: [drawTensor(draw, shape), drawTensor(draw, [channels], 0.1, 0.5), zeroPoint], attrs: { qmin: -8, qmax: 7, axis } };
}

/**
 * Quantizes and dequantizes x: v = x / s, q = clamp(rne(v) + rne(z), qmin, qmax), y = (q - z) · s, with
 * rne rounding half to even; scale s and zero point z are [1], or [C] along `axis`. In f32 every step
 * rounds to f32. Gradients (LSQ, straight-through): dx = I; ds = rne(v) - v inside, qmin - z below,
 * qmax - z above; dz = 0 inside, else -s.
 *
 * Errors: ShapeError for parameters that do not fit, ArgumentError for qmin >= qmax.
 */
export const fakeQuant: Op<
  FakeQuantAttrs,
  (x: Tensor, scale: Tensor, zeroPoint: Tensor, options: { qmin: number; qmax: number; axis?: number | null }) => Tensor
> = defineOp(
  {
    name: "fakeQuant",
    infer([x, scale, zeroPoint], attrs) {
      requireQuantizer("fakeQuant", [x, scale, zeroPoint], attrs);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x, scale, zeroPoint], { qmin, qmax, axis }, [y]) {
      const round1 = x.dtype === "f32" ? Math.fround : (v: number) => v;
      const [, channels, inner] = channelsOf(x, axis);
      for (let i = 0; i < x.data.length; i++) {
        const c = Math.floor(i / inner) % channels;
        const s = scale.data[c];
        const z = roundHalfEven(zeroPoint.data[c]);
        const v = round1(x.data[i] / s);
        const q = Math.min(Math.max(roundHalfEven(v) + z, qmin), qmax);
        y.data[i] = round1((q - z) * s);
      }
    },
    vjp: ([g], call) => (g ? gradients(g, call) : [undefined, undefined, undefined]),
    surrogate,
    smooth: false,
    sample: drawFakeQuant,
    misuse: (draw) => ({
      inputs: [drawTensor(draw, [2, 3]), drawTensor(draw, [2], 0.1, 1), drawTensor(draw, [2])],
      attrs: { qmin: -8, qmax: 7, axis: 1 },
    }),
  },
  (run) =>
    (x: Tensor, scale: Tensor, zeroPoint: Tensor, { qmin, qmax, axis = null }: { qmin: number; qmax: number; axis?: number | null }) =>
      run([x, scale, zeroPoint], { qmin, qmax, axis: axis === null ? null : normalizeAxis("fakeQuant", axis, x.shape.length) })[0],
);
