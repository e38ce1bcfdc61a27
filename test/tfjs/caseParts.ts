import { Rng, uniform } from "../../src/tensor/index.ts";
import { attr, floats, type PartialNode, type Weight, whole } from "./build.ts";

/** One node behind the input "x", or several; the last one is the output. */
export interface Case {
  readonly shape: readonly number[];
  readonly nodes: readonly PartialNode[];
  readonly weights?: Readonly<Record<string, Weight>>;
  /** Output tensor; default the last node. */
  readonly output?: string;
  /** Range of the input; default [-2, 2]. */
  readonly range?: readonly [number, number];
}

export const PICTURE = [1, 7, 6, 4];
export const T = attr.type("DT_FLOAT");
export const random = (seed: number, ...shape: number[]): Weight => floats(shape, uniform(shape, new Rng(seed), -1, 1).data);
export const window = (size: number, step: number, padding: string) => ({
  ksize: attr.ints(1, size, size, 1),
  strides: attr.ints(1, step, step, 1),
  padding: attr.text(padding),
  data_format: attr.text("NHWC"),
  T,
});
export const conv = (step: number, padding: string, more: object = {}) => ({
  strides: attr.ints(1, step, step, 1),
  dilations: attr.ints(1, 1, 1, 1),
  padding: attr.text(padding),
  data_format: attr.text("NHWC"),
  T,
  ...more,
});
export const node = (op: string, input: string[], more: object = {}, name = "y"): PartialNode => ({
  name,
  op,
  input,
  attr: { T, ...more },
});
/** Brings the input into channels-first order first, as it is behind a convolution. */
export const behindConv = (then: readonly PartialNode[], weights: Readonly<Record<string, Weight>> = {}): Case => ({
  shape: PICTURE,
  nodes: [node("Conv2D", ["x", "w1"], conv(1, "SAME"), "c"), ...then],
  weights: { w1: random(9, 1, 1, 4, 4), ...weights },
});
export const unary = (op: string, range?: readonly [number, number], more: object = {}): [string, Case] => [
  op,
  { shape: PICTURE, nodes: [node(op, ["x"], more)], ...(range && { range }) },
];
export const binary = (op: string): [string, Case][] => [
  [`${op} with a constant per channel`, behindConv([node(op, ["c", "k"])], { k: random(2, 4) })],
  [`${op} of two maps`, behindConv([node("Sigmoid", ["c"], {}, "s"), node(op, ["s", "c"])])],
  [`${op} with a number in front`, behindConv([node(op, ["k", "c"])], { k: floats([], [0.75]) })],
];
export const reduction = (op: string): [string, Case][] => [
  [`${op} over the picture`, behindConv([node(op, ["c", "a"], { keep_dims: attr.bool(true) })], { a: whole(1, 2) })],
  [`${op} over the picture, axes dropped`, behindConv([node(op, ["c", "a"], { keep_dims: attr.bool(false) })], { a: whole(1, 2) })],
  [`${op} over channels, axes dropped`, behindConv([node(op, ["c", "a"], { keep_dims: attr.bool(false) })], { a: whole(3) })],
  [`${op} over rows, axes dropped`, behindConv([node(op, ["c", "a"], { keep_dims: attr.bool(false) })], { a: whole(1) })],
];

export const fusedConv = (...ops: string[]): Case => ({
  shape: PICTURE,
  nodes: [
    node(
      "_FusedConv2D",
      ["x", "w", "b", ...(ops.includes("Prelu") ? ["p"] : [])],
      conv(2, "SAME", {
        fused_ops: attr.texts(...ops),
        num_args: attr.int(ops.includes("Prelu") ? 2 : 1),
        leakyrelu_alpha: attr.float(0.1),
      }),
    ),
  ],
  weights: { w: random(1, 3, 3, 4, 5), b: random(2, 5), p: random(3, 5) },
});
