import { exp } from "../../elementary.ts";
import type { Graph, Node } from "../../graph/index.ts";
import { type AnyOp, clamp, hardsigmoid, hardswish, leakyRelu, mul, relu, relu6, sigmoid } from "../../tensor/index.ts";
import { type Expr, type FunctionBuilder, f32x4, type Local, op } from "../../wasm/index.ts";

type Vector = Expr<"v128">;

/** A float activation between a layer's sums and the codes of its readers, as the float kernels compute it. */
export interface Activation {
  /** Part of the key of the kernels emitted for it; equal keys mean equal formulas. */
  readonly key: string;
  apply(f: FunctionBuilder, x: Local<"v128">): Vector;
  /** The function itself, where a table of its codes pays. */
  readonly curve?: Curve;
}

/** A function that runs into 0 on the far left, falls as far as `turn` and rises from there on. */
export interface Curve {
  readonly turn: number;
  /** In double precision. */
  at(x: number): number;
  /** Bound of what `apply` is off by, as a share of |x|. */
  readonly error: number;
}

const bounded = (x: Vector, low: number, high: number): Vector => op("f32x4.min", op("f32x4.max", x, f32x4(low)), f32x4(high));

const horner = (x: Vector, [first, ...rest]: readonly number[]): Vector =>
  rest.reduce<Vector>((sum, c) => op("f32x4.add", op("f32x4.mul", sum, x), f32x4(c)), f32x4(first));

/** sigmoid(x) - 1/2 as x P(x^2) / Q(x^2) on |x| <= 18, highest power first: the fit of the float kernel. */
const SIGMOID_P = [4.37031012579801e-11, 1.15627324459942e-7, 6.08574864600143e-5, 8.51377133304701e-3, 2.48287947061529e-1];
const SIGMOID_Q = [
  6.10247389755681e-13, 5.76102136993427e-9, 6.2910678501704e-6, 1.70198817374094e-3, 1.16817656904453e-1, 9.9315192102318e-1,
];

function sigmoidOf(f: FunctionBuilder, x: Vector): Vector {
  const inside = f.let(op("f32x4.pmin", op("f32x4.pmax", x, f32x4(-18)), f32x4(18)));
  const square = f.let(op("f32x4.mul", inside, inside));
  const share = op("f32x4.div", op("f32x4.mul", horner(square, SIGMOID_P), inside), horner(square, SIGMOID_Q));
  return op("f32x4.pmin", op("f32x4.pmax", op("f32x4.add", share, f32x4(0.5)), f32x4(0)), f32x4(1));
}

const hardSigmoidOf = (x: Vector): Vector => op("f32x4.div", bounded(op("f32x4.add", x, f32x4(3)), 0, 6), f32x4(6));

/** No activation: the layer's readers take its output itself. */
export const linear: Activation = { key: "linear", apply: (_, x) => x };

/** Ops of one input that an integer layer may end in. */
const ROWS: ReadonlyMap<AnyOp, (attrs: unknown) => Activation> = new Map<AnyOp, (attrs: unknown) => Activation>([
  [relu.def, () => ({ key: "relu", apply: (_, x) => op("f32x4.max", x, f32x4(0)) })],
  [relu6.def, () => ({ key: "relu6", apply: (_, x) => bounded(x, 0, 6) })],
  [sigmoid.def, () => ({ key: "sigmoid", apply: sigmoidOf })],
  [hardsigmoid.def, () => ({ key: "hardsigmoid", apply: (_, x) => hardSigmoidOf(x) })],
  [hardswish.def, () => ({ key: "hardswish", apply: (_, x) => op("f32x4.mul", x, hardSigmoidOf(x)) })],
  [
    clamp.def,
    (attrs) => {
      const { min, max } = attrs as { min: number; max: number };
      return { key: `clamp ${min} ${max}`, apply: (_, x) => bounded(x, min, max) };
    },
  ],
  [
    leakyRelu.def,
    (attrs) => {
      const { slope } = attrs as { slope: number };
      const scaled = (x: Vector): Vector => op("f32x4.mul", x, f32x4(slope));
      return {
        key: `leakyRelu ${slope}`,
        apply: (_, x) => op("v128.bitselect", x, scaled(x), op("f32x4.gt", x, f32x4(0))),
      };
    },
  ],
]);

/** x times the sigmoid of x; the kernel's sigmoid is within 2^-22, and its product with x is rounded once. */
const SILU: Curve = { turn: -1.278464542761074, at: (x) => x / (1 + exp(-x)), error: 2 ** -21 };

/** x times one of the ops above: SiLU and HardSwish as most files spell them. */
const gated = (gate: Activation): Activation => ({
  key: `gated ${gate.key}`,
  apply: (f, x) => op("f32x4.mul", x, gate.apply(f, x)),
  ...(gate.key === "sigmoid" && { curve: SILU }),
});

/** How far past a layer its integer step reaches: the tensor it ends in, and the nodes it replaces. */
export interface Reach {
  readonly output: string;
  readonly activation: Activation;
  readonly nodes: readonly Node[];
}

/**
 * The activation that follows a layer's output, where nothing else reads what lies between: op(y), or y * op(y). Tensors in
 * `kept` (graph outputs, quantized inputs) end the reach, for someone reads them as they are.
 */
export function reachOf(output: string, readers: ReadonlyMap<string, readonly Node[]>, kept: ReadonlySet<string>): Reach {
  const none: Reach = { output, activation: linear, nodes: [] };
  const followers = readers.get(output) ?? [];
  const gate = followers.find((node) => ROWS.has(node.op));
  if (kept.has(output) || !gate) return none;
  const activation = ROWS.get(gate.op)!(gate.attrs);
  const [gateOutput] = gate.outputs;
  if (followers.length === 1) return { output: gateOutput, activation, nodes: [gate] };
  const product = followers.find((node) => node.op === mul.def);
  const onlyGate = !kept.has(gateOutput) && readers.get(gateOutput)?.length === 1;
  const isGated = product && followers.length === 2 && onlyGate && product.inputs.includes(gateOutput) && product.inputs.includes(output);
  return isGated ? { output: product.outputs[0], activation: gated(activation), nodes: [gate, product] } : none;
}

/** The nodes that read each tensor, a node once even if it reads a tensor twice. */
export function readersOf(graph: Graph): Map<string, Node[]> {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of new Set(node.inputs)) {
      const list = readers.get(name);
      if (list) list.push(node);
      else readers.set(name, [node]);
    }
  }
  return readers;
}
