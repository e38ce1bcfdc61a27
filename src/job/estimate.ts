import { compileViews } from "../autograd/index.ts";
import { type Graph, type GraphInput, perInput } from "../graph/index.ts";
import type { CalibrateOptions, GraphModel, Method } from "../quant/index.ts";
import { assign, liveBytes, stagesOf } from "../quant/index.ts";
import { type Meta, sizeOf, Tensor } from "../tensor/index.ts";
import type { Sample, Samples } from "./samples.ts";

/** What a job will need, before it starts. */
export interface Estimate {
  readonly seconds: number;
  readonly bytes: number;
}

/** What the runtime itself, compiled kernels and garbage take. */
const BASE_BYTES = 180e6;

/** Bytes of a forward and backward pass for a byte of activations: most buffers serve several tensors, one after the other. */
const WITH_GRADIENTS = 1.3;

/**
 * Times one float forward and counts what it computes; the rest follows from the stages of the job, and from `more`: what
 * else it does, in float forwards.
 * Memory: pictures and given tensors, the activations and gradients of one sample, refinement rows, and for bias
 * correction the live state of its samples.
 */
export function estimate({ graph }: GraphModel, samples: Samples, method: Method, options: CalibrateOptions, more = 0): Estimate {
  const assignment = assign(graph, options.assign);
  const activations = graph.nodes.flatMap(({ outputs }) => outputs).reduce((sum, y) => sum + bytesOf(graph.metas.get(y)), 0);
  const forward = secondsOf(graph, samples.input(0));
  const stages = stagesOf(graph, method, options, assignment, samples.names.length);
  const units = stages.reduce((sum, s) => sum + s.steps * s.work, 0) + 1.2 * samples.names.length + more;
  const held = samples.list.reduce((sum, s) => sum + heldBytes(s), 0);
  const rows = method.refinement
    ? assignment.layers.reduce((sum, l) => sum + rowBytes(graph.metas.get(l.weight)?.shape ?? [], l.groups, method), 0)
    : 0;
  const bias = (stages.find((s) => s.name === "correct biases")?.steps ?? 0) * liveBytes(graph);
  return {
    seconds: units * forward,
    bytes: BASE_BYTES + held + Math.max(activations * (method.selection ? WITH_GRADIENTS : 1) + rows, bias),
  };
}

/** Bytes a sample keeps for the whole job. */
const heldBytes = ({ picture, tensors }: Sample): number =>
  (picture?.data.length ?? 0) +
  (tensors instanceof Tensor ? [tensors] : Object.values(tensors ?? {})).reduce((sum, x) => sum + x.data.byteLength, 0);

const bytesOf = (meta: Meta | undefined): number => 4 * sizeOf(meta?.shape ?? [0]);

/** Seconds of one replayed forward, as the stages run it. */
function secondsOf(graph: Graph, x: GraphInput): number {
  const forward = perInput(graph, (x) => graph.forward(x), compileViews);
  forward(x);
  const start = performance.now();
  forward(x);
  const seconds = (performance.now() - start) / 1000;
  forward.release();
  return seconds;
}

function rowBytes(weight: readonly number[], groups: number, method: Method): number {
  const { rows = 0, floats = 0 } = method.refinement ?? {};
  const perRow = sizeOf(weight.slice(1)) * groups + weight[0];
  return 4 * Math.min(floats, rows * perRow);
}
