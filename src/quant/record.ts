import type { Separation } from "../em/index.ts";
import type { Cost } from "./cost/index.ts";
import type { UnitRecord } from "./reconstruct/reconstruction.ts";
import type { Promotion } from "./sensitivity/record.ts";
import type { TuningRecord } from "./tune.ts";

/** Version of the record's layout; a reader refuses others. */
export const RECORD_VERSION = 1;

/** A range as plain numbers, one entry or one per channel. */
export interface RangeRecord {
  /** Lower ends, in activation units. */
  readonly min: readonly number[];
  /** Upper ends, in activation units. */
  readonly max: readonly number[];
}

/** What was done to one activation tensor. */
export interface SiteRecord {
  readonly tensor: string;
  /** Layers that read it quantized. */
  readonly readers: readonly string[];
  /** Bits of a code. */
  readonly bits: number;
  /** One range for the tensor, or one a channel. */
  readonly granularity: "perTensor" | "perChannel";
  /** min and max over all calibration values. */
  readonly observed: RangeRecord;
  /** The method's range, before refinement. */
  readonly rangeBefore: RangeRecord;
  /** The range in the exported file. */
  readonly rangeAfter: RangeRecord;
  /** Activation units per code. */
  readonly scale: readonly number[];
  /** The code of 0. */
  readonly zeroPoint: readonly number[];
  /** InlierQ eq. 10: anomaly component first; null where a degenerate rule decided or no mask was used. */
  readonly mixture: Separation["mixture"] | null;
  /** Inlier iff saliency >= threshold; null where it does not apply. */
  readonly threshold: number | null;
  /** Share of volumes that the split calls inliers, whatever the method makes of them; null where it splits none. */
  readonly inlierShare: number | null;
  /** Share of elements outside the final range. */
  readonly clippedShare: number;
  /** Signal to quantization noise, in dB; null where nothing was lost. */
  readonly sqnr: number | null;
  /** Refinement objective: start and every improvement; empty without refinement. */
  readonly objective: readonly number[];
  /** Output volumes the objective was evaluated on. */
  readonly rows: number;
  /** Names of the degenerate rules that applied. */
  readonly flags: readonly string[];
}

/** What was done to one layer. */
export interface LayerRecord {
  /** Name of the layer's node. */
  readonly name: string;
  /** What it computes. */
  readonly kind: string;
  /** Whether it was quantized. */
  readonly quantized: boolean;
  /** Multiply-accumulates for a batch of one. */
  readonly macs: number;
  /** Bits of a weight's code; null for a layer in float. */
  readonly weightBits: number | null;
  /** How its codes lie; null for a layer in float. */
  readonly weightMapping: string | null;
  /** Signal to quantization noise of the weight, in dB; null for a layer in float or where nothing was lost. */
  readonly weightSqnr: number | null;
  /** Held-out error of the channel means before and after correction; null where it did not run. */
  readonly biasCorrection: { readonly before: number; readonly after: number; readonly kept: boolean } | null;
  /** Names of the degenerate rules that applied. */
  readonly flags: readonly string[];
}

/** What the quantized model costs, and the rule that summaries show. */
export interface CostRecord {
  /** Bit operations for a batch of one: MACs times weight bits times activation bits, float32 as 32 bits. */
  readonly bops: number;
  /** The same of the float model. */
  readonly floatBops: number;
  /** Effective float multiply-accumulates for a batch of one, by rule. */
  readonly effectiveFlops: Cost["effectiveFlops"];
  /** The rule of `effectiveFlops` that summaries show. */
  readonly convention: keyof Cost["effectiveFlops"];
  /** Bytes of weights, grids, biases and constants by what they hold, and of the exported file. */
  readonly bytes: Cost["bytes"] & { readonly file: number };
}

/** What was done to the float network before calibration. */
export interface EqualizeRecord {
  /** The rewrites in order, with the tensors or layers each changed. */
  readonly applied: readonly { readonly name: string; readonly changed: readonly string[] }[];
  /** Lowest SQNR of a float output on the first sample, rewritten against given, in dB; null where none differs. */
  readonly outputSqnr: number | null;
}

/** The account of one calibration. */
export interface CalibrationRecord {
  /** Of the form of this record. */
  readonly version: typeof RECORD_VERSION;
  /** What the file is. */
  readonly kind: "inlierq/record";
  /** Name of the model. */
  readonly model: string;
  /** Name of the detector card; null where the network had none. */
  readonly detector: string | null;
  /** Name of the method. */
  readonly method: string;
  /** Bits, as in "W8A8". */
  readonly scheme: string;
  /** Name of the layer policy. */
  readonly policy: string;
  /** Of every random choice. */
  readonly seed: number;
  /** Names of the calibration pictures, in order. */
  readonly samples: readonly string[];
  /** Set where the samples were finished network inputs; absent where they were pictures. */
  readonly sampleKind?: "tensors";
  /** What was done to the float network before; absent where nothing was asked for. */
  readonly equalize?: EqualizeRecord;
  /** Every option with the value it had. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Version of this library. */
  readonly versions: Readonly<Record<string, string>>;
  /** Multiply-accumulates of all layers and of the quantized ones, and their share. */
  readonly macs: { readonly total: number; readonly quantized: number; readonly fraction: number };
  /** Bytes of all parameters, each counted once: of the float network, and as `cost.bytes.total` has them of the quantized one. */
  readonly bytes: { readonly before: number; readonly after: number };
  /** What it costs by named conventions. */
  readonly cost: CostRecord;
  /** Which activation tensors got more bits than asked for; absent where none were to. */
  readonly promotion?: Promotion;
  /** How an option of the method was found without labels; absent where none was left open. */
  readonly tuning?: TuningRecord;
  /** One entry for each quantized activation tensor. */
  readonly sites: readonly SiteRecord[];
  /** What learning did, unit by unit and stage by stage; empty for methods that learn nothing. */
  readonly units: readonly UnitRecord[];
  /** One entry for each layer, quantized or not. */
  readonly layers: readonly LayerRecord[];
  /** Detections on the calibration samples; null until evaluated, and where the network has no detector card. */
  readonly detections: { readonly float: number; readonly quantized: number; readonly kept: number; readonly keptShare: number } | null;
  /** The rule, what it measured, its limit, and the verdict. */
  readonly gate: { readonly rule: string; readonly value: number; readonly limit: number; readonly passed: boolean } | null;
}
