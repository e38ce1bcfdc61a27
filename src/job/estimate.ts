import { compileViews } from "../autograd/index.ts";
import { type Graph, type GraphInput, perInput } from "../graph/index.ts";
import type { Assignment, CalibrateOptions, GraphModel, Method, Reconstruction, Stage } from "../quant/index.ts";
import { assign, learningBytes, liveBytes, stagesOf } from "../quant/index.ts";
import { type Meta, sizeOf, Tensor } from "../tensor/index.ts";
import type { Sample, Samples } from "./samples.ts";

/** What a job will need, before it starts. */
export interface Estimate {
  readonly seconds: number;
  /** Memory. */
  readonly bytes: number;
  /** What of it learning takes: seconds, bytes that wait in memory, and bytes on disk. Absent for methods that learn nothing. */
  readonly learning?: { readonly seconds: number; readonly bytes: number; readonly disk: number };
  /** Seconds of one float forward. */
  readonly forward: number;
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
  const stages = timedStages(graph, method, options, samples.names.length, forward);
  const units = stages.reduce((sum, s) => sum + s.steps * s.work, 0) + 1.2 * samples.names.length + more;
  const held = samples.list.reduce((sum, s) => sum + heldBytes(s), 0);
  const rows = method.refinement
    ? assignment.layers.reduce((sum, l) => sum + rowBytes(graph.metas.get(l.weight)?.shape ?? [], l.groups, method), 0)
    : 0;
  const bias = (stages.find((s) => s.name === "correct biases")?.steps ?? 0) * liveBytes(graph);
  const learning = method.reconstruction && learningOf(graph, method.reconstruction, options, assignment, samples.names.length);
  const working = activations * (method.selection || learning ? WITH_GRADIENTS : 1) + rows + (learning?.bytes ?? 0);
  const learningWork = stages.filter((s) => s.name === "weigh" || s.name === "reconstruct").reduce((sum, s) => sum + s.steps * s.work, 0);
  return {
    seconds: units * forward,
    bytes: BASE_BYTES + held + Math.max(working, bias),
    ...(learning && { learning: { seconds: learningWork * forward, ...learning } }),
    forward,
  };
}

/** What waits while units learn: in memory as far as the shelf has any. */
function learningOf(graph: Graph, reconstruction: Reconstruction, { shelf }: CalibrateOptions, { layers }: Assignment, samples: number) {
  const all = learningBytes(graph, reconstruction, new Set(layers.map((l) => l.name)), samples);
  const bytes = Math.min(all, shelf?.memory ?? Number.POSITIVE_INFINITY);
  return { bytes, disk: all - bytes };
}

/** The stages of a calibration whose learning takes its budget where it has one, with forwards of so many seconds. */
export function timedStages(graph: Graph, method: Method, options: CalibrateOptions, samples: number, forward: number): Stage[] {
  const { budget } = options;
  return stagesOf(graph, method, options, assign(graph, options.assign), samples).map((stage) =>
    stage.name === "reconstruct" && budget !== undefined && stage.steps > 0
      ? { ...stage, work: budget / 1000 / forward / stage.steps }
      : stage,
  );
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
