import { ArgumentError } from "../../errors.ts";
import type { Graph, Unit } from "../../graph/index.ts";
import { itemBytes, sizeOf } from "../../tensor/index.ts";
import { liveBytes } from "../biasCorrection.ts";
import type { GraphModel } from "../evidence.ts";
import type { Stage } from "../steps.ts";
import { isCorrectable } from "./distribution.ts";
import { requireDetector } from "./global.ts";
import { learningUnits, UNIT_STEPS } from "./reconstruct.ts";
import type { LearningStage, Reconstruction } from "./reconstruction.ts";

/** What a forward and a backward pass cost, in forwards. */
const BOTH_WAYS = 3.5;

/** The stages of progress that learning adds: one unit of work is one float forward. */
export function learningStages(graph: Graph, reconstruction: Reconstruction, layers: ReadonlySet<string>, samples: number): Stage[] {
  const learning = learningUnits(graph, reconstruction, layers);
  const units = learning.length;
  const { stages, descent } = reconstruction;
  const weighing = stages.filter((s) => s.objective.weighing).length;
  const steps = stages.length * UNIT_STEPS * units;
  // A loss behind the unit runs the rest of the network, half of it on average.
  const passes = stages.reduce((sum, s) => sum + 1 + (s.global ? (units - 1) / (2 * s.global.every) : 0), 0);
  const corrected = learning.filter((unit) => isCorrectable(graph, unit)).length / Math.max(1, units);
  const corrections = stages.reduce((sum, s) => sum + (s.correction?.steps ?? 0) * samples * corrected, 0);
  const work = BOTH_WAYS * (descent.steps * descent.batch * passes + corrections) + 2 * samples * stages.length;
  return [
    { name: "weigh", steps: weighing * samples, work: BOTH_WAYS },
    { name: "reconstruct", steps, work: work / Math.max(1, steps) },
  ];
}

/**
 * Bytes that learning puts on its shelf at most, roughly: both walks of all samples, weights of errors, and what a unit was
 * corrected to. Shapes as the graph has them.
 */
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
  const bytes = (all: readonly string[]): number => all.reduce((sum, name) => sum + bytesOf(name), 0);
  const corrected = stage.correction ? units.filter((unit) => isCorrectable(graph, unit)) : [];
  const moved = corrected.reduce((most, { inputs, outputs }) => Math.max(most, bytes([...inputs, ...outputs])), 0);
  return walks * liveBytes(graph) + bytes(names) + moved;
}

/**
 * Says before the work starts whether a network can learn this way.
 *
 * Errors: ArgumentError for blocks of a graph without any, for a loss of detections of a network that makes none, and for
 * a correction by statistics where no unit that learns writes what a batch normalisation wrote.
 */
export function requireLearnable(model: GraphModel, reconstruction: Reconstruction, layers: ReadonlySet<string>): void {
  const units = learningUnits(model.graph, reconstruction, layers);
  const correcting = reconstruction.stages.some((stage) => stage.correction);
  if (correcting && !units.some((unit) => isCorrectable(model.graph, unit))) {
    const likely = "it has no batch normalisations, or they were folded before export: leave distribution off";
    throw new ArgumentError("distribution", `a quantized unit must hold a batch normalisation, got a network where none does (${likely})`);
  }
  for (const name of lossesOfDetections(reconstruction)) requireDetector(name, model);
}

/** Names of the losses of detections that a reconstruction lowers: a network without a detector card has none. */
export const lossesOfDetections = ({ stages }: Pick<Reconstruction, "stages">): string[] =>
  stages.flatMap(({ global, objective }) => [
    ...(global?.objective.detections ? [global.objective.name] : []),
    ...(objective.weighing?.evidence.detections ? [objective.name] : []),
  ]);
