import { ArgumentError, ShapeError } from "../../errors.ts";
import { type Draw, drawTensor } from "../draw.ts";
import { type Call, defineOp, type Op, type VjpContext } from "../op.ts";
import { requireFloat, requireSameDtype, requireShape } from "../require.ts";
import { roundHalfEven } from "../round.ts";
import { formatShape, splitAt } from "../shape.ts";
import { type Meta, Tensor, tensor } from "../tensor.ts";
import { add, div, mul, sub } from "./binary.ts";
import { clamp } from "./clamp.ts";
import { equal } from "./compare.ts";
import type { FakeQuantAttrs } from "./fakeQuant.ts";
import { sumTo } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { round } from "./unary.ts";
import { where } from "./where.ts";

/** `wants` says which of dx, dscale and dzeroPoint are computed; the op has just these outputs, in this order. */
export interface FakeQuantGradAttrs extends FakeQuantAttrs {
  readonly wants: readonly [x: boolean, scale: boolean, zeroPoint: boolean];
}

/** Terms that are added up before they join the rest, so that the bits of a sum do not depend on who adds which piece. */
export const PIECE = 65536;

/** Elements of x as [outer, channels, inner]: one channel where the parameters hold for all of x. */
export function channelsOf(x: Meta, axis: number | null): readonly [number, number, number] {
  return axis === null ? [1, 1, x.shape.reduce((n, d) => n * d, 1)] : (splitAt(x.shape, axis) as [number, number, number]);
}

/** Checks x and the parameters of a quantizer. */
export function requireQuantizer(op: string, [x, scale, zeroPoint]: readonly Meta[], { qmin, qmax, axis }: FakeQuantAttrs): void {
  requireFloat(op, "x", x);
  requireSameDtype(op, x, scale, ["x", "scale"]);
  requireSameDtype(op, x, zeroPoint, ["x", "zeroPoint"]);
  const wanted = axis === null ? 1 : x.shape[axis];
  for (const [name, p] of [
    ["scale", scale],
    ["zeroPoint", zeroPoint],
  ] as const) {
    if (p.shape.length > 1 || (p.shape[0] ?? 1) !== wanted) {
      throw new ShapeError(
        op,
        `${name} must have shape [${wanted}], got ${formatShape(p.shape)} (x ${formatShape(x.shape)}, axis ${axis})`,
      );
    }
  }
  if (!(qmin < qmax)) throw new ArgumentError(op, `qmin must lie below qmax, got ${qmin} and ${qmax}`);
}

/** Per-channel parameters in the shape that broadcasts against x. */
export function aligned(p: Tensor, x: Meta, axis: number | null): Tensor {
  if (axis === null) return reshape(p, { shape: x.shape.map(() => 1) });
  return reshape(p, { shape: x.shape.map((d, i) => (i === axis ? d : 1)) });
}

/** Entries of `list` at the outputs that are there, undefined at the others. */
function placed<T>(wants: readonly boolean[], list: readonly T[]): (T | undefined)[] {
  let next = 0;
  return wants.map((wanted) => (wanted ? list[next++] : undefined));
}

/** The sums of one channel for its scale and zero point over g and x from `from` to `to`, a piece at most. */
interface PieceSums {
  scale: number;
  outside: number;
}

function reference(inputs: readonly Tensor[], { qmin, qmax, axis, wants }: FakeQuantGradAttrs, outputs: readonly Tensor[]): void {
  const [g, x, scale, zeroPoint] = inputs;
  const round1 = x.dtype === "f32" ? Math.fround : (v: number) => v;
  const [dx, dscale, dzeroPoint] = placed(wants, outputs);
  const [, channels, inner] = channelsOf(x, axis);
  const sums: PieceSums[] = Array.from({ length: channels }, () => ({ scale: 0, outside: 0 }));
  for (let start = 0, end = 0; start < x.size; start = end) {
    const run = Math.floor(start / inner);
    end = Math.min(start + PIECE, (run + 1) * inner);
    const c = run % channels;
    const [s, z] = [scale.data[c], roundHalfEven(zeroPoint.data[c])];
    const [ofScale, outside] = [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ];
    for (let i = start; i < end; i++) {
      const v = round1(x.data[i] / s);
      const code = roundHalfEven(v) + z;
      const clipped = Math.min(Math.max(code, qmin), qmax);
      const inside = code === clipped;
      const lane = (i - start) % 4;
      if (dx) dx.data[i] = inside ? g.data[i] : 0;
      ofScale[lane] += round1(g.data[i] * round1(clipped - z - (inside ? v : 0)));
      outside[lane] += inside ? 0 : round1(g.data[i] * s);
    }
    sums[c].scale += ofScale[0] + ofScale[1] + (ofScale[2] + ofScale[3]);
    sums[c].outside += outside[0] + outside[1] + (outside[2] + outside[3]);
  }
  dscale?.data.set(sums.map((sum) => sum.scale));
  dzeroPoint?.data.set(sums.map((sum) => 0 - sum.outside));
}

/** Derivatives of the gradients: they are linear in g; codes stay, so that only the residual and the step size move. */
function derivatives(
  cotangents: readonly (Tensor | undefined)[],
  { inputs: [g, x, scale, zeroPoint], attrs: { qmin, qmax, axis, wants: made }, wants }: VjpContext<FakeQuantGradAttrs>,
): (Tensor | undefined)[] {
  const [ux, us, uz] = placed(made, cotangents);
  const s = aligned(scale, x, axis);
  const z = round(aligned(zeroPoint, x, axis));
  const v = div(x, s);
  const code = add(round(v), z);
  const clipped = clamp(code, { min: qmin, max: qmax });
  const inside = equal(code, clipped);
  const spread = (u: Tensor): Tensor => aligned(u, x, axis);
  const sumOf = (terms: readonly (Tensor | undefined)[]): Tensor | undefined =>
    terms.reduce((a, b) => (a && b ? add(a, b) : (a ?? b)), undefined);
  const back = (d: Tensor): Tensor => reshape(sumTo(d, s.shape), { shape: scale.shape });
  const toG = () => [
    ux && where(inside, ux, 0),
    us && mul(spread(us), sub(sub(clipped, z), where(inside, v, 0))),
    uz && mul(mul(where(inside, 0, spread(uz)), s), -1),
  ];
  const toX = () => us && where(inside, div(mul(mul(g, spread(us)), -1), s), 0);
  const toScale = () => [
    us && back(where(inside, div(mul(mul(g, spread(us)), v), s), 0)),
    uz && back(where(inside, 0, mul(mul(g, spread(uz)), -1))),
  ];
  return [wants[0] ? sumOf(toG()) : undefined, wants[1] ? toX() : undefined, wants[2] ? sumOf(toScale()) : undefined, undefined];
}

function drawFakeQuantGrad(draw: Draw): Call<FakeQuantGradAttrs> {
  const shape = [draw.int(1, 3), draw.int(1, 3), draw.int(1, 7)];
  const axis = draw.bool() ? draw.int(0, 2) : null;
  const channels = axis === null ? 1 : shape[axis];
  const scale = drawTensor(draw, [channels], 0.1, 0.5);
  const numbers = (low: number, high: number) => Array.from({ length: channels }, () => draw.int(low, high));
  const zeroPoint = tensor(numbers(-3, 3), [channels], draw.dtype);
  const x = drawTensor(draw, shape, -0.4, 0.4);
  const [, , inner] = channelsOf(x, axis);
  // Multiples of the scale and a residual that is clear of ties.
  const data = x.data.map((residual, i) => (draw.int(-12, 12) + residual) * scale.data[Math.floor(i / inner) % channels]);
  const wants = draw.oneOf([
    [true, true, true],
    [true, false, false],
    [false, true, true],
    [true, true, false],
    [false, false, true],
  ] as const);
  return {
    inputs: [drawTensor(draw, shape), new Tensor(shape, x.dtype, data), scale, zeroPoint],
    attrs: { qmin: -8, qmax: 7, axis, wants },
  };
}

/**
 * The straight-through and LSQ gradients of `fakeQuant` for a cotangent g of its output: those of
 * [dx, dscale, dzeroPoint] that `wants` names. dx = g inside and 0 outside; dscale = sum of g (rne(v) - v) inside, of
 * g (qmin - z) below and g (qmax - z) above; dzeroPoint = - sum of g s outside. Terms round as f32 steps do; sums run in
 * double over pieces of 65536 elements in four lanes.
 *
 * Errors: as `fakeQuant`; ShapeError for g of another shape than x; ArgumentError where nothing is wanted.
 */
export const fakeQuantGrad: Op<
  FakeQuantGradAttrs,
  (g: Tensor, x: Tensor, scale: Tensor, zeroPoint: Tensor, attrs: FakeQuantGradAttrs) => readonly Tensor[]
> = defineOp(
  {
    name: "fakeQuantGrad",
    infer([g, x, scale, zeroPoint], attrs) {
      requireQuantizer("fakeQuantGrad", [x, scale, zeroPoint], attrs);
      requireSameDtype("fakeQuantGrad", g, x, ["g", "x"]);
      requireShape("fakeQuantGrad", "g", g, x.shape);
      if (!attrs.wants.includes(true)) throw new ArgumentError("fakeQuantGrad", "wants must name a gradient, got none");
      return [x, scale, zeroPoint].filter((_, i) => attrs.wants[i]).map(({ shape, dtype }) => ({ shape, dtype }));
    },
    reference,
    vjp: derivatives,
    sample: drawFakeQuantGrad,
    misuse: (draw) => ({
      inputs: [drawTensor(draw, [2, 2]), drawTensor(draw, [2, 3]), drawTensor(draw, [3], 0.1, 1), drawTensor(draw, [3])],
      attrs: { qmin: -8, qmax: 7, axis: 1, wants: [true, true, true] },
    }),
  },
  (run) => (g: Tensor, x: Tensor, scale: Tensor, zeroPoint: Tensor, attrs: FakeQuantGradAttrs) => run([g, x, scale, zeroPoint], attrs),
);
