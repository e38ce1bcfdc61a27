import { type Card, detectionsKept } from "../detect/index.ts";
import { StateError } from "../errors.ts";
import {
  applySite,
  type Calibration,
  type CalibrationRecord,
  type CostRecord,
  costOfGraph,
  emptyPlan,
  formatsOfPlan,
  type GraphModel,
  type LayerRecord,
  type Plan,
  type Range,
  type RangeRecord,
  type SiteRecord,
  sqnr,
  weightOf,
} from "../quant/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { Detections } from "./evaluate.ts";

const rangeOf = ({ min, max }: Range): RangeRecord => ({ min: [...min], max: [...max] });
const numbers = (t: Tensor): number[] => Array.from(t.data as Float32Array);

/** What was done to every activation tensor. */
export function siteRecords(c: Calibration): SiteRecord[] {
  return [...c.assignment.sites.values()].map(({ tensor, scheme, readers }) => {
    const { params } = c.plan.activations.get(tensor) ?? missing(tensor);
    const separation = c.separations.get(tensor);
    const refined = c.refined.get(tensor);
    const before = c.ranges.get(tensor) ?? missing(tensor);
    const selecting = c.separations.size > 0;
    return {
      tensor,
      readers: readers.map((l) => l.name),
      bits: scheme.bits,
      granularity: scheme.axis === null ? "perTensor" : "perChannel",
      observed: rangeOf(c.observed.extremes.get(tensor) ?? missing(tensor)),
      rangeBefore: rangeOf(before),
      rangeAfter: rangeOf(refined?.range ?? before),
      scale: numbers(params.scale),
      zeroPoint: numbers(params.zeroPoint),
      mixture: separation?.mixture ?? null,
      threshold: separation && Number.isFinite(separation.threshold) ? separation.threshold : null,
      inlierShare: separation ? separation.inlierShare : null,
      ...(c.errors.get(tensor) ?? missing(tensor)),
      objective: refined ? refined.curve : [],
      rows: c.rowCounts.get(tensor) ?? 0,
      flags: [...(c.flags.get(tensor) ?? []), ...(separation ? separation.flags : selecting ? ["no-gradient"] : [])],
    };
  });
}

/** What was done to every layer, quantized or not. */
export function layerRecords({ graph }: GraphModel, c: Calibration): LayerRecord[] {
  return graph.layers.map((layer) => {
    const weight = c.plan.layers.has(layer.name) ? c.plan.weights.get(layer.weight) : undefined;
    const values = graph.parameters.get(layer.weight) as Tensor;
    const correction = c.corrections.find((k) => k.layer === layer.name);
    const error = weight ? sqnr(values, applySite(weightOf(graph, c.plan, layer), weight)) : null;
    return {
      name: layer.name,
      kind: layer.kind,
      quantized: weight !== undefined,
      macs: graph.macs(layer.name),
      weightBits: weight?.scheme.bits ?? null,
      weightMapping: weight?.scheme.mapping ?? null,
      weightSqnr: error !== null && Number.isFinite(error) ? error : null,
      biasCorrection: correction ? { before: correction.before, after: correction.after, kept: correction.kept } : null,
      flags: [...(c.flags.get(layer.name) ?? [])],
    };
  });
}

/** Bytes of all parameters, each counted once: the float network's, and those of the quantized one as `costRecord` has them. */
export function bytesOf({ graph }: GraphModel, plan: Plan): CalibrationRecord["bytes"] {
  const of = (one: Plan): number => costOfGraph(graph, formatsOfPlan(one)).bytes.total;
  return { before: of(emptyPlan), after: of(plan) };
}

/** Multiply-accumulates of all layers and of the quantized ones. */
export function macsOf({ graph }: GraphModel, layers: ReadonlySet<string>): CalibrationRecord["macs"] {
  const total = graph.macs();
  let quantized = 0;
  for (const name of layers) quantized += graph.macs(name);
  return { total, quantized, fraction: total === 0 ? 0 : quantized / total };
}

/** Bit operations, effective operations and bytes of the quantized model; `file` is the size of its exported file. */
export function costRecord({ graph }: GraphModel, plan: Plan, file: number): CostRecord {
  const { bops, effectiveFlops, bytes } = costOfGraph(graph, formatsOfPlan(plan));
  return { bops, floatBops: 1024 * graph.macs(), effectiveFlops, convention: "bops1024", bytes: { ...bytes, file } };
}

function missing(name: string): never {
  throw new StateError("record", `every site must have been calibrated, got nothing for "${name}"`);
}

/** Visible detections before and after, and the share that was kept. */
export function countDetections(
  { visibleThreshold: minScore }: Card,
  before: Detections,
  after: Detections,
): CalibrationRecord["detections"] {
  const { kept, share } = detectionsKept(before, after, { minScore });
  const visible = (all: Detections) => all.reduce((n, list) => n + list.filter((p) => p.score >= minScore).length, 0);
  return { float: visible(before), quantized: visible(after), kept, keptShare: share };
}
