import type { Graph, Unit } from "../../graph/index.ts";
import { itemBytes, sizeOf } from "../../tensor/index.ts";
import { liveBytes } from "../biasCorrection.ts";
import type { GraphModel } from "../evidence.ts";
import type { Stage } from "../steps.ts";
import { requireDetector } from "./global.ts";
import { learningUnits, UNIT_STEPS } from "./reconstruct.ts";
import type { LearningStage, Reconstruction } from "./reconstruction.ts";

/** What a forward and a backward pass cost, in forwards. */
const BOTH_WAYS = 3.5;

/** The stages of progress that learning adds: one unit of work is one float forward. */
export function learningStages(graph: Graph, reconstruction: Reconstruction, layers: ReadonlySet<string>, samples: number): Stage[] {
  const units = learningUnits(graph, reconstruction, layers).length;
  const { stages, descent } = reconstruction;
  const weighing = stages.filter((s) => s.objective.weighing).length;
  const steps = stages.length * UNIT_STEPS * units;
  // A loss behind the unit runs the rest of the network, half of it on average.
  const passes = stages.reduce((sum, s) => sum + (s.global ? (units + 1) / 2 : 1), 0);
  const work = BOTH_WAYS * descent.steps * descent.batch * passes + 2 * samples * stages.length;
  return [
    { name: "weigh", steps: weighing * samples, work: BOTH_WAYS },
    { name: "reconstruct", steps, work: work / Math.max(1, steps) },
  ];
}

/** Bytes that learning puts on its shelf at most, roughly: both walks of all samples, and weights of errors. Shapes as the graph has them. */
export function learningBytes(graph: Graph, reconstruction: Reconstruction, layers: ReadonlySet<string>, samples: number): number {
  const units = learningUnits(graph, reconstruction, layers);
  return reconstruction.stages.reduce((most, stage) => Math.max(most, samples * bytesOfSample(graph, stage, units)), 0);
}

function bytesOfSample(graph: Graph, stage: LearningStage, units: readonly Unit[]): number {
  const bytesOf = (name: string): number => {
    const meta = graph.metas.get(name);
    return meta ? itemBytes(meta.dtype) * sizeOf(meta.shape) : 0;
  };
  const walks = stage.input === "quantized" || stage.kept !== undefined ? 2 : 1;
  const names = [
    ...(stage.objective.weighing ? units.flatMap((u) => u.outputs) : []),
    ...(stage.global ? graph.outputs.map((p) => p.name) : []),
  ];
  return walks * liveBytes(graph) + names.reduce((sum, name) => sum + bytesOf(name), 0);
}

/**
 * Says before the work starts whether a network can learn this way.
 *
 * Errors: ArgumentError for blocks of a graph without any, and for a loss of detections of a network that makes none.
 */
export function requireLearnable(model: GraphModel, reconstruction: Reconstruction, layers: ReadonlySet<string>): void {
  learningUnits(model.graph, reconstruction, layers);
  for (const name of lossesOfDetections(reconstruction)) requireDetector(name, model);
}

/** Names of the losses of detections that a reconstruction lowers: a network without a detector card has none. */
export const lossesOfDetections = ({ stages }: Pick<Reconstruction, "stages">): string[] =>
  stages.flatMap(({ global, objective }) => [
    ...(global?.detections ? [global.name] : []),
    ...(objective.weighing?.evidence.detections ? [objective.name] : []),
  ]);
