import type { Graph, Node } from "../../graph/index.ts";
import { type AnyOp, concat, indexSelect, interpolate, maxPool2d, permute, reshape, slice } from "../../tensor/index.ts";
import { gatherStep } from "./gather.ts";
import { type Grid, gridSlice, isPerChannel } from "./grid.ts";
import { maxPoolStep } from "./maxPoolStep.ts";
import type { Draft, Value } from "./step.ts";

/** An op that commutes with quantization: it may run on codes in place of floats. */
interface Move {
  /** The grids its inputs must have so that its output has `grid`, or undefined where there are none. */
  inputGrids(grid: Grid, node: Node, graph: Graph): readonly Grid[] | undefined;
  readonly step: (node: Node, reads: readonly Value[], write: Value, grid: Grid) => Draft;
}

/** Moves that mix channels keep one grid for the whole tensor only. */
const mixing: Move = { inputGrids: (grid, node) => (isPerChannel(grid) ? undefined : node.inputs.map(() => grid)), step: gatherStep };

const resizing: Move = {
  inputGrids: (grid, node) => ((node.attrs as { mode: string }).mode === "nearest" ? [grid] : undefined),
  step: gatherStep,
};

const joining: Move = {
  inputGrids(grid, node, graph) {
    if (!isPerChannel(grid)) return node.inputs.map(() => grid);
    if ((node.attrs as { dim: number }).dim !== 1) return undefined;
    let start = 0;
    return node.inputs.map((name) => {
      const count = graph.metas.get(name)!.shape[1];
      start += count;
      return gridSlice(grid, start - count, count);
    });
  },
  step: gatherStep,
};

const pooling: Move = { inputGrids: (grid) => [grid], step: (node, [read], write, grid) => maxPoolStep(node, read, write, grid) };

/** Every op that may run on codes, and how. */
export const MOVES: ReadonlyMap<AnyOp, Move> = new Map<AnyOp, Move>([
  [slice.def, mixing],
  [permute.def, mixing],
  [reshape.def, mixing],
  [indexSelect.def, mixing],
  [interpolate.def, resizing],
  [concat.def, joining],
  [maxPool2d.def, pooling],
]);

/** Positions of elements are counted in f32. */
const MOST_ELEMENTS = 2 ** 24;

/** The grids a node's inputs need so that it can run on codes; undefined where it cannot. */
export function movedGrids(node: Node, grid: Grid, graph: Graph): readonly Grid[] | undefined {
  const elements = node.inputs.reduce((sum, name) => sum + graph.metas.get(name)!.shape.reduce((a, d) => a * d, 1), 0);
  if (elements >= MOST_ELEMENTS || node.inputs.some((name) => graph.parameters.has(name))) return undefined;
  return MOVES.get(node.op)?.inputGrids(grid, node, graph);
}
