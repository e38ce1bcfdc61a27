import { Graph, type Node } from "../../../src/graph/index.ts";
import type { Plan, SitePlan } from "../../../src/quant/index.ts";
import {
  type AnyOp,
  add,
  clamp,
  concat,
  conv2d,
  type Draw,
  hardswish,
  interpolate,
  leakyRelu,
  maxPool2d,
  mul,
  permute,
  Rng,
  randn,
  relu,
  reshape,
  roundHalfEven,
  sigmoid,
  slice,
  Tensor,
  uniform,
} from "../../../src/tensor/index.ts";

/** Builds a network node by node. */
class Builder {
  readonly nodes: Node[] = [];
  readonly parameters = new Map<string, Tensor>();
  readonly shapes = new Map<string, readonly number[]>();
  #count = 0;

  add(op: AnyOp, inputs: readonly string[], attrs: unknown): string {
    const output = `t${++this.#count}`;
    this.nodes.push({ name: `n${this.#count}`, op, attrs, inputs, outputs: [output] });
    const metas = inputs.map((name) => ({ shape: this.shapes.get(name)!, dtype: "f32" as const }));
    this.shapes.set(output, op.infer(metas, attrs)[0].shape);
    return output;
  }

  parameter(value: Tensor): string {
    const name = `p${++this.#count}`;
    this.parameters.set(name, value);
    this.shapes.set(name, value.shape);
    return name;
  }
}

/** Exact in f32 on a grid of powers of two: no activation, or one that only compares, or multiplies by a power of two. */
const EXACT: readonly ((b: Builder, x: string) => string)[] = [
  (_, x) => x,
  (b, x) => b.add(relu.def, [x], {}),
  (b, x) => b.add(leakyRelu.def, [x], { slope: 0.25 }),
  (b, x) => b.add(clamp.def, [x], { min: -1, max: 2 }),
];

/** Activations whose values are rounded. */
const ROUNDED: readonly ((b: Builder, x: string) => string)[] = [
  (b, x) => b.add(mul.def, [x, b.add(sigmoid.def, [x], {})], {}),
  (b, x) => b.add(mul.def, [b.add(sigmoid.def, [x], {}), x], {}),
  (b, x) => b.add(hardswish.def, [x], {}),
  (b, x) => b.add(sigmoid.def, [x], {}),
];

/** A random convolution of x with an activation behind it. */
function drawConv(draw: Draw, rng: Rng, b: Builder, x: string, acts: typeof EXACT): string {
  const [, channels, height, width] = b.shapes.get(x)!;
  const groups = draw.oneOf([1, 1, channels, ...[2].filter((g) => channels % g === 0)]);
  const filters = groups * draw.int(1, groups === 1 ? 6 : 2);
  const kernel = [draw.int(1, 3), draw.int(1, 3)];
  const dilation = [draw.int(1, 2), draw.int(1, 2)];
  const reach = kernel.map((k, i) => dilation[i] * (k - 1));
  const padding = [0, 0, 1, 1].map((axis) => draw.int(0, 2) + Math.max(0, Math.ceil((reach[axis] + 1 - [height, width][axis]) / 2)));
  const attrs = { stride: [draw.int(1, 3), draw.int(1, 3)], padding, dilation, groups };
  const weight = b.parameter(randn([filters, channels / groups, kernel[0], kernel[1]], rng, 0.5));
  const bias = draw.bool() ? [b.parameter(randn([filters], rng, 0.5))] : [];
  return draw.oneOf(acts)(b, b.add(conv2d.def, [x, weight, ...bias], attrs));
}

/** What may stand between convolutions; each keeps four axes. */
const BETWEEN: readonly ((draw: Draw, b: Builder, x: string) => string)[] = [
  (_, b, x) => b.add(maxPool2d.def, [x], { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], ceilMode: false }),
  (_, b, x) => b.add(maxPool2d.def, [x], { kernel: [2, 2], stride: [2, 2], padding: [1, 0, 0, 1], dilation: [1, 1], ceilMode: true }),
  (_, b, x) => b.add(permute.def, [x], { perm: [0, 1, 3, 2] }),
  (draw, b, x) => {
    const [, , height, width] = b.shapes.get(x)!;
    const attrs = { size: [2 * height, 2 * width], step: [0.5, 0.5], mode: "nearest", coordinate: "asymmetric", rounding: "floor" };
    return draw.bool() && height < 6 ? b.add(interpolate.def, [x], attrs) : x;
  },
  (_, b, x) => {
    const [n, channels, height, width] = b.shapes.get(x)!;
    if (n !== 1 || channels % 2 !== 0) return x;
    const split = b.add(reshape.def, [x], { shape: [channels / 2, 2, height * width] });
    return b.add(reshape.def, [b.add(permute.def, [split], { perm: [1, 0, 2] })], { shape: [1, channels, height, width] });
  },
  (draw, b, x) => b.add(slice.def, [x], { dim: 2, start: 0, end: b.shapes.get(x)![2], step: draw.int(1, 2) }),
  (_, b, x) => b.add(add.def, [x, x], {}),
];

/** A network of a few convolutions with everything between them that may run on codes, and an input for it. */
export function drawNetwork(draw: Draw, exact: boolean): { graph: Graph; x: Tensor } {
  const rng = new Rng(draw.int(0, 1 << 20));
  const acts = exact ? EXACT : [...EXACT, ...ROUNDED];
  const b = new Builder();
  const shape = [1, draw.int(1, 5), draw.int(3, 20), draw.int(3, 20)];
  b.shapes.set("x", shape);
  let at = "x";
  const outputs: string[] = [];
  for (let i = draw.int(1, 3); i > 0; i--) {
    if (draw.bool()) at = draw.oneOf(BETWEEN)(draw, b, at);
    const branch = at;
    at = drawConv(draw, rng, b, at, acts);
    if (draw.bool()) at = draw.oneOf(BETWEEN)(draw, b, at);
    if (draw.int(0, 3) === 0) outputs.push(at);
    const [first, second] = [b.shapes.get(branch)!, b.shapes.get(at)!];
    if (`${first}` === `${second}` && draw.bool()) at = b.add(add.def, [branch, at], {});
    else if (first[2] === second[2] && first[3] === second[3])
      at = b.add(concat.def, draw.bool() ? [branch, at] : [at, branch, at], { dim: 1 });
  }
  const ends = [...new Set([...outputs, drawConv(draw, rng, b, at, acts)])];
  const ports = ends.map((name) => ({ name, shape: b.shapes.get(name)!, dtype: "f32" as const }));
  const graph = new Graph({
    name: "drawn",
    inputs: [{ name: "x", shape, dtype: "f32" }],
    outputs: ports,
    nodes: b.nodes,
    parameters: b.parameters,
  });
  // Multiples of 1/64: sums of their products with weights on such grids are exact.
  return {
    graph,
    x: new Tensor(shape, "f32", uniform(shape, rng, -1, 2).data.map((v: number) => roundHalfEven(64 * v) / 64) as Float32Array),
  };
}

/** A site whose scales are raised to powers of two: its arithmetic is exact in f32. */
const snapped = ({ params, scheme }: SitePlan): SitePlan => ({
  scheme,
  params: {
    ...params,
    scale: new Tensor(params.scale.shape, "f32", params.scale.data.map((s: number) => 2 ** Math.ceil(Math.log2(s))) as Float32Array),
  },
});

/** A plan on grids of powers of two only. */
export function snapPlan(plan: Plan): Plan {
  const all = (sites: Plan["weights"]): Plan["weights"] => new Map([...sites].map(([name, site]) => [name, snapped(site)]));
  return { ...plan, activations: all(plan.activations), weights: all(plan.weights) };
}
