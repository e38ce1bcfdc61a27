import type { Separation } from "../em/index.ts";

/** Version of the record's layout; a reader refuses others. */
export const RECORD_VERSION = 1;

/** A range as plain numbers, one entry or one per channel. */
export interface RangeRecord {
  readonly min: readonly number[];
  readonly max: readonly number[];
}

/** What was done to one activation tensor. */
export interface SiteRecord {
  readonly tensor: string;
  /** Layers that read it quantized. */
  readonly readers: readonly string[];
  readonly bits: number;
  readonly granularity: "perTensor" | "perChannel";
  /** min and max over all calibration values. */
  readonly observed: RangeRecord;
  /** The method's range, before refinement. */
  readonly rangeBefore: RangeRecord;
  /** The range in the exported file. */
  readonly rangeAfter: RangeRecord;
  readonly scale: readonly number[];
  readonly zeroPoint: readonly number[];
  /** InlierQ eq. 10: anomaly component first; null where a degenerate rule decided or no mask was used. */
  readonly mixture: Separation["mixture"] | null;
  /** Inlier iff saliency >= threshold; null where it does not apply. */
  readonly threshold: number | null;
  readonly inlierShare: number | null;
  readonly clippedShare: number;
  readonly sqnr: number | null;
  /** Refinement objective: start and every improvement; empty without refinement. */
  readonly objective: readonly number[];
  /** Output volumes the objective was evaluated on. */
  readonly rows: number;
  readonly flags: readonly string[];
}

/** What was done to one layer. */
export interface LayerRecord {
  readonly name: string;
  readonly kind: string;
  readonly quantized: boolean;
  readonly macs: number;
  readonly weightBits: number | null;
  readonly weightMapping: string | null;
  readonly weightSqnr: number | null;
  /** Held-out error of the channel means before and after correction; null where it did not run. */
  readonly biasCorrection: { readonly before: number; readonly after: number; readonly kept: boolean } | null;
  readonly flags: readonly string[];
}

/** The account of one calibration. */
export interface CalibrationRecord {
  readonly version: typeof RECORD_VERSION;
  readonly kind: "inlierq/record";
  readonly model: string;
  /** Name of the detector card; null where the network had none. */
  readonly detector: string | null;
  readonly method: string;
  readonly scheme: string;
  readonly policy: string;
  readonly seed: number;
  readonly samples: readonly string[];
  /** Set where the samples were finished network inputs; absent where they were pictures. */
  readonly sampleKind?: "tensors";
  /** Every option with the value it had. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly macs: { readonly total: number; readonly quantized: number; readonly fraction: number };
  /** Bytes of all weights and biases: float32 before; packed codes, scales and zero points after. */
  readonly bytes: { readonly before: number; readonly after: number };
  readonly sites: readonly SiteRecord[];
  readonly layers: readonly LayerRecord[];
  /** Detections on the calibration samples; null until evaluated, and where the network has no detector card. */
  readonly detections: { readonly float: number; readonly quantized: number; readonly kept: number; readonly keptShare: number } | null;
  readonly gate: { readonly rule: string; readonly value: number; readonly limit: number; readonly passed: boolean } | null;
}
