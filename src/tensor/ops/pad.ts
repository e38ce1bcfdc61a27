import { ArgumentError, ShapeError } from "../../errors.ts";
import { type Draw, drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { formatShape, stridesOf } from "../shape.ts";
import type { Meta, Tensor } from "../tensor.ts";

/** `replicate` is ONNX's "edge". */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** `pads` in PyTorch's order: last axis first, before and after each; constant pads may be negative and crop. */
export interface PadAttrs {
  readonly pads: readonly number[];
  /** What the new elements hold. */
  readonly mode: PadMode;
  /** Fill of mode "constant". */
  readonly value: number;
}

/** [before, after] of axis i in tensor order. */
function padsOf(rank: number, pads: readonly number[], i: number): [number, number] {
  const at = 2 * (rank - 1 - i);
  return at < pads.length ? [pads[at], pads[at + 1]] : [0, 0];
}

function paddedShape(op: string, shape: readonly number[], { pads, mode }: PadAttrs): number[] {
  if (pads.length % 2 !== 0 || pads.length > 2 * shape.length) {
    throw new ShapeError(op, `pads must hold two numbers for each of at most ${shape.length} axes, got ${formatShape(pads)}`);
  }
  return shape.map((d, i) => {
    const [before, after] = padsOf(shape.length, pads, i);
    const limit = mode === "reflect" ? d - 1 : mode === "circular" ? d : Infinity;
    const least = mode === "constant" ? -d : 0;
    const empty = mode !== "constant" && d === 0 && before + after > 0;
    if (before < least || after < least || before > limit || after > limit || d + before + after < 0 || empty) {
      throw new ShapeError(op, `pads of axis ${i} (size ${d}) must fit mode ${mode}, got [${before},${after}]`);
    }
    return d + before + after;
  });
}

/** Source position of output position o on an axis of length n, or -1 for the fill. */
function source(o: number, before: number, n: number, mode: PadMode): number {
  const at = o - before;
  if (at >= 0 && at < n) return at;
  if (mode === "constant") return -1;
  if (mode === "replicate") return at < 0 ? 0 : n - 1;
  if (mode === "reflect") return at < 0 ? -at : 2 * (n - 1) - at;
  return (at + n) % n;
}

/** For each element of the padded tensor its offset in the original, or -1 for the fill. */
function sources(shape: readonly number[], padded: readonly number[], { pads, mode }: PadAttrs): Int32Array {
  const strides = stridesOf(shape);
  let from = Int32Array.of(0);
  padded.forEach((count, d) => {
    const [before] = padsOf(shape.length, pads, d);
    const axis = Int32Array.from({ length: count }, (_, o) => source(o, before, shape[d], mode));
    const next = new Int32Array(from.length * count);
    for (let i = 0; i < from.length; i++) {
      for (let o = 0; o < count; o++) next[i * count + o] = from[i] < 0 || axis[o] < 0 ? -1 : from[i] + axis[o] * strides[d];
    }
    from = next;
  });
  return from;
}

function drawPad(draw: Draw): { shape: number[]; attrs: PadAttrs } {
  const shape = drawShape(draw, 1, 4, 3).map((d) => d + 1);
  const mode = draw.oneOf(["constant", "reflect", "replicate", "circular"] as const);
  const least = mode === "constant" ? -1 : 0;
  const pads = Array.from({ length: 2 * draw.int(1, Math.min(2, shape.length)) }, () => draw.int(least, 1));
  return { shape, attrs: { pads, mode, value: draw.oneOf([0, 0.75]) } };
}

/**
 * Pads the last axes of x (any dtype) by a constant, by reflection without the edge, by the edge, or in a circle.
 * Errors: ShapeError where a pad is longer than the mode allows. Shape: [..., n] → [..., before + n + after].
 */
export const pad: Op<PadAttrs, (x: Tensor, options: { pads: readonly number[]; mode?: PadMode; value?: number }) => Tensor> = defineOp(
  {
    name: "pad",
    infer: ([x], attrs): Meta[] => [{ shape: paddedShape("pad", x.shape, attrs), dtype: x.dtype }],
    reference([x], attrs, [y]) {
      const from = sources(x.shape, y.shape, attrs);
      for (let i = 0; i < y.data.length; i++) y.data[i] = from[i] < 0 ? attrs.value : x.data[from[i]];
    },
    vjp: ([g], { inputs: [x], attrs }) => [g && padInputGrad(g, { ...attrs, inputShape: x.shape })],
    sample(draw) {
      const { shape, attrs } = drawPad(draw);
      return { inputs: [drawTensor(draw, shape)], attrs };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2, 2])], attrs: { pads: [2, 0], mode: "reflect" as const, value: 0 } }),
  },
  (run) =>
    (x: Tensor, { pads, mode = "constant", value = 0 }: { pads: readonly number[]; mode?: PadMode; value?: number }) => {
      if (!pads.every(Number.isInteger)) throw new ArgumentError("pad", `pads must be integers, got ${formatShape(pads)}`);
      return run([x], { pads, mode, value })[0];
    },
);

interface PadInputGradAttrs extends PadAttrs {
  readonly inputShape: readonly number[];
}

/**
 * Adds every padded element of g back onto the element it was copied from: the adjoint of `pad`. Errors: ShapeError
 * where g does not have the shape `pad` gives.
 */
export const padInputGrad: Op<PadInputGradAttrs, (g: Tensor, attrs: PadInputGradAttrs) => Tensor> = defineOp(
  {
    name: "padInputGrad",
    infer([g], attrs) {
      const padded = paddedShape("padInputGrad", attrs.inputShape, attrs);
      if (padded.length !== g.shape.length || padded.some((d, i) => d !== g.shape[i])) {
        throw new ShapeError("padInputGrad", `g must have shape ${formatShape(padded)}, got ${formatShape(g.shape)}`);
      }
      return [{ shape: attrs.inputShape, dtype: g.dtype }];
    },
    reference([g], attrs, [y]) {
      const from = sources(y.shape, g.shape, attrs);
      const sums = new Float64Array(y.size);
      for (let i = 0; i < g.size; i++) if (from[i] >= 0) sums[from[i]] += g.data[i];
      y.data.set(sums);
    },
    vjp: ([u], { attrs: { pads, mode } }) => [u && pad(u, { pads, mode })],
    sample(draw) {
      const { shape, attrs } = drawPad(draw);
      return { inputs: [drawTensor(draw, paddedShape("padInputGrad", shape, attrs))], attrs: { ...attrs, inputShape: shape } };
    },
    misuse: (draw) => ({ inputs: [drawTensor(draw, [2])], attrs: { pads: [1, 0], mode: "constant" as const, value: 0, inputShape: [2] } }),
  },
  (run) => (g: Tensor, attrs: PadInputGradAttrs) => run([g], attrs)[0],
);
