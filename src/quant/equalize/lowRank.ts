import { ArgumentError } from "../../errors.ts";
import { assembleGraph, type Graph, type Layer, type Node } from "../../graph/index.ts";
import { add, type Conv2dAttrs, conv2d, Tensor } from "../../tensor/index.ts";
import { frobeniusNorm, leadingRows, type Matrix, product, transposed } from "./matrix.ts";
import type { Rewrite } from "./parameters.ts";

/** What the residual of a low-rank branch becomes on its grid. Shape: as the matrix. */
export type RoundResidual = (residual: Matrix) => Float64Array;

/** Rank and effort of a low-rank branch. */
export interface LowRankOptions {
  /** Columns of the left factor. Default: a quarter of the shorter side, at most 32 (SVDQuant's rank). */
  readonly rank?: number;
  /** Rounds a residual; with it the branch also takes up what rounding loses. Default: no rounding. */
  readonly round?: RoundResidual;
  /** How often the branch is fitted anew to what the rounded residual leaves. Default 4 with `round`, else 1. */
  readonly iterations?: number;
}

/** A matrix as left · right + residual. */
export interface LowRankBranch {
  /** [rows, rank], values of float32. */
  readonly left: Matrix;
  /** [rank, columns], values of float32. */
  readonly right: Matrix;
  /** [rows, columns]. */
  readonly residual: Matrix;
}

const minus = (a: Matrix, b: ArrayLike<number>): Matrix => ({ ...a, data: a.data.map((v, i) => v - b[i]) });
const rounded = (a: Matrix): Matrix => ({ ...a, data: a.data.map(Math.fround) });
const defaultRank = (rows: number, columns: number): number => Math.min(32, Math.floor(Math.min(rows, columns) / 4));

/**
 * Splits a matrix into a product of rank `rank`, kept in float, and a residual to quantize, whose norm is at most that of
 * the matrix. With `round` the product is fitted again to the matrix less the rounded residual, and the split that loses
 * least is kept.
 *
 * Source: Li et al. 2025 (SVDQuant), eq. 4 and the iteration of section 4.2. Errors: ArgumentError for a rank that is no
 * integer in 1..the shorter side.
 */
export function lowRankBranch(matrix: Matrix, options: LowRankOptions = {}): LowRankBranch {
  const { rows, columns } = matrix;
  const { round, rank = defaultRank(rows, columns), iterations = round ? 4 : 1 } = options;
  const most = Math.min(rows, columns);
  if (!Number.isInteger(rank) || rank < 1 || rank > most)
    throw new ArgumentError("lowRankBranch", `rank must be an integer in 1..${most}, got ${rank}`);
  let best: { readonly branch: LowRankBranch; readonly lost: number } | undefined;
  let target = matrix;
  for (let i = 0; i < Math.max(1, iterations); i++) {
    const branch = split(matrix, target, rank);
    const grid = round?.(branch.residual);
    const lost = frobeniusNorm(grid ? minus(branch.residual, grid) : branch.residual);
    if (!best || lost < best.lost) best = { branch, lost };
    if (!grid) break;
    target = minus(matrix, grid);
  }
  return (best as { branch: LowRankBranch }).branch;
}

/** The leading part of `target`, and what it leaves of `matrix`. */
function split(matrix: Matrix, target: Matrix, rank: number): LowRankBranch {
  const rows = leadingRows(target, rank);
  const left = rounded(product(target, transposed(rows)));
  const right = rounded(rows);
  return { left, right, residual: minus(matrix, product(left, right).data) };
}

/** Layers that a branch can stand beside: whole convolutions and matrix products, at least 4 channels on the shorter side. */
export const branchableLayers = (graph: Graph): Layer[] =>
  graph.layers.filter((layer) => {
    if (layer.kind === "convTranspose2d" || layer.groups !== 1) return false;
    const { rows, columns } = matrixOf(graph, layer);
    return defaultRank(rows, columns) >= 1;
  });

/** A layer's weight as a matrix: [Co, Ci kh kw] of a convolution, [K, N] of a matrix product. */
function matrixOf({ parameters }: Graph, { weight }: Layer): Matrix {
  const { data, shape } = parameters.get(weight) as Tensor;
  return { rows: shape[0], columns: data.length / shape[0], data: Float64Array.from(data) };
}

/**
 * Adds a float branch of low rank beside the named layers (default: all that can have one) and leaves them the residual as
 * their weight. The branch is two layers of its own, `<layer>/lowRank/down` and `/up`, to be kept in float.
 *
 * Errors: ArgumentError for a rank that a weight does not have.
 */
export function addLowRankBranches(
  graph: Graph,
  { layers, ...options }: LowRankOptions & { readonly layers?: ReadonlySet<string> } = {},
): Rewrite {
  const chosen = new Map(branchableLayers(graph).flatMap((l) => (!layers || layers.has(l.name) ? [[l.name, l]] : [])));
  const parameters = new Map(graph.parameters);
  const taken = new Set([...graph.metas.keys(), ...graph.nodes.map((n) => n.name)]);
  const fresh = (wanted: string): string => {
    let name = wanted;
    for (let i = 2; taken.has(name); i++) name = `${wanted}_${i}`;
    taken.add(name);
    return name;
  };
  const keep: string[] = [];
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const layer = chosen.get(node.name);
    if (!layer) return [node];
    const branch = branchNodes(graph, layer, node, lowRankBranch(matrixOf(graph, layer), options), fresh);
    for (const [name, value] of branch.parameters) parameters.set(name, value);
    keep.push(...branch.nodes.slice(1, 3).map((n) => n.name));
    return branch.nodes;
  });
  const used = new Set(nodes.flatMap((n) => n.inputs));
  const left = new Map([...parameters].filter(([name]) => used.has(name) || !graph.nodes.some((n) => n.inputs.includes(name))));
  // The sum of the layer and its branch has the name of what the layer wrote, and its values.
  const { name, inputs, outputs, statistics } = graph;
  return { graph: assembleGraph({ name, inputs, outputs, nodes, parameters: left, statistics }), changed: [...chosen.keys()], keep };
}

/** The layer on its residual, the two layers of the branch, and their sum under the layer's old output name. */
function branchNodes(graph: Graph, layer: Layer, node: Node, branch: LowRankBranch, fresh: (wanted: string) => string) {
  const old = graph.parameters.get(layer.weight) as Tensor;
  const { left, right, residual } = branch;
  const tensor = (shape: readonly number[], { data }: Matrix): Tensor =>
    new Tensor(shape, old.dtype, old.dtype === "f64" ? data : Float32Array.from(data));
  const rank = right.rows;
  const convolves = layer.kind === "conv2d";
  const plain: Conv2dAttrs = { stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1 };
  const [down, up] = convolves
    ? [tensor([rank, ...old.shape.slice(1)], right), tensor([left.rows, rank, 1, 1], left)]
    : [tensor([left.rows, rank], left), tensor([rank, right.columns], right)];
  const names = {
    residual: fresh(`${layer.weight}/residual`),
    down: fresh(`${layer.name}/lowRank/down`),
    up: fresh(`${layer.name}/lowRank/up`),
    sum: fresh(`${layer.name}/lowRank/sum`),
    whole: fresh(`${layer.output}/residual`),
  };
  const weights = { down: fresh(`${names.down}/weight`), up: fresh(`${names.up}/weight`) };
  const upAttrs = convolves ? plain : layer.attrs;
  const nodes: Node[] = [
    { ...node, inputs: [layer.input, names.residual, ...node.inputs.slice(2)], outputs: [names.whole] },
    { name: names.down, op: node.op, attrs: layer.attrs, inputs: [layer.input, weights.down], outputs: [fresh(`${names.down}/out`)] },
    { name: names.up, op: convolves ? conv2d.def : node.op, attrs: upAttrs, inputs: [], outputs: [fresh(`${names.up}/out`)] },
    { name: names.sum, op: add.def, attrs: {}, inputs: [], outputs: node.outputs },
  ];
  nodes[2] = { ...nodes[2], inputs: [nodes[1].outputs[0], weights.up] };
  nodes[3] = { ...nodes[3], inputs: [names.whole, nodes[2].outputs[0]] };
  const parameters = new Map([
    [names.residual, tensor(old.shape, residual)],
    [weights.down, down],
    [weights.up, up],
  ]);
  return { nodes, parameters };
}
