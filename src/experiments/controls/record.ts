/** Version of the record's layout. */
export const CONTROLS_VERSION = 1;

/** What one arm did with one seed. */
export interface ControlRun {
  readonly seed: number;
  /** Relative squared error of the score map (`damageOf`), 0 where nothing changed. */
  readonly scores: number;
  /** Mean squared overlap error of the boxes, as `damageOf` counts it. */
  readonly boxes: number;
  /** COCO AP at IoU 0.5 in [0, 1]; null without annotations. */
  readonly ap50: number | null;
  /** Mean share of inliers over the activation tensors; null where none were told apart. */
  readonly inlierShare: number | null;
  /** Mean over the activation tensors of the width of the range before refinement over that of min-max. */
  readonly width: number;
  /** The tau that was found without labels; null where it was given. */
  readonly tau: number | null;
}

/** One arm over all seeds. */
export interface ControlArm {
  readonly name: string;
  /** What is different, in words. */
  readonly about: string;
  readonly runs: readonly ControlRun[];
}

/** What can be said about two arms and one number. */
export type ControlVerdict = "better" | "worse" | "not told apart" | "one seed";

/** The selection against a random mask of equal share, by one number. */
export interface ControlComparison {
  /** "scores" or "ap50". */
  readonly measure: "scores" | "ap50";
  /** By how much the selection is better, seed by seed: chance less selection for errors, selection less chance for AP50. */
  readonly gains: readonly number[];
  readonly mean: number;
  /** Standard deviation of the gains with n - 1; 0 of a single seed. */
  readonly deviation: number;
  readonly verdict: ControlVerdict;
}

/** The account of a study of controls. */
export interface ControlsRecord {
  readonly version: typeof CONTROLS_VERSION;
  readonly kind: "inlierq/controls";
  readonly model: string;
  readonly detector: string;
  readonly scheme: string;
  readonly policy: string;
  readonly seeds: readonly number[];
  /** Calibration samples of each seed, and the pictures that numbers were measured on. */
  readonly samples: { readonly calibration: number; readonly measured: number };
  /** Whether numbers were measured on pictures of their own or on the calibration samples. */
  readonly measuredOn: "pictures" | "calibration";
  readonly versions: Readonly<Record<string, string>>;
  /** AP50 of the float network; null without annotations. */
  readonly floatAp50: number | null;
  readonly arms: readonly ControlArm[];
  readonly comparisons: readonly ControlComparison[];
}
