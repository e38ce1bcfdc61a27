/** Version of the record's layout; a reader refuses others. */
export const SWEEP_VERSION = 1;

/** A number over the runs of a row. */
export interface Spread {
  /** Arithmetic mean. */
  readonly mean: number;
  /** Sample standard deviation; null where there was one run. */
  readonly deviation: number | null;
}

/** One line of a sweep's table: a method at a scheme, over its seeds. Numbers are null where no run finished, or mean nothing. */
export interface SweepRow {
  /** "float", the method, or the method and what its list is called. */
  readonly label: string;
  readonly method: string;
  /** Bits as in "W4A4"; "" for float. */
  readonly scheme: string;
  /** Seeds of the runs that finished; one for a method that no seed changes. */
  readonly seeds: readonly number[];
  /** COCO AP at IoU 0.5, in [0, 1]; -1 where there is no ground truth. */
  readonly AP50: Spread | null;
  /** COCO AP, as AP50. */
  readonly AP: Spread | null;
  /** Pascal VOC AP at IoU 0.5 (every point), as AP50. */
  readonly vocAp50: Spread | null;
  /** Share of the float detector's visible detections on the evaluation pictures that are found again. */
  readonly kept: Spread | null;
  /** Relative error of the score map against the float network's, without labels (see `damageOf`). */
  readonly scoreError: Spread | null;
  /** Wall time of quantization: of the machine, not of the method alone. */
  readonly seconds: Spread | null;
  /** Median over the units and runs of the steps they learned; null where nothing learns. */
  readonly steps: number | null;
  /** Bytes of the exported file, of the first run. */
  readonly bytes: number | null;
  /** Share of the multiply-accumulates that are quantized. */
  readonly macsFraction: number | null;
  /** Runs that passed the gate on the calibration pictures. */
  readonly passed: number;
  /** Why runs failed. */
  readonly failures: readonly { readonly seed: number; readonly message: string }[];
}

/** The account of a sweep. */
export interface SweepRecord {
  /** Of the form of this record. */
  readonly version: typeof SWEEP_VERSION;
  /** What the file is. */
  readonly kind: "inlierq/sweep";
  /** Name of the model. */
  readonly model: string;
  /** Name of the detector card. */
  readonly detector: string;
  /** How many pictures each run was calibrated on at most, and how many it was scored on. */
  readonly pictures: { readonly calibration: number; readonly evaluation: number };
  /** Wall time each run had to learn, as given; null where steps decided. */
  readonly budget: string | null;
  /** Version of this library. */
  readonly versions: Readonly<Record<string, string>>;
  /** Float first, then scheme by scheme, the best AP50 first. */
  readonly rows: readonly SweepRow[];
}
