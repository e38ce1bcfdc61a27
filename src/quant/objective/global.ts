import { ShapeError } from "../../errors.ts";
import { formatShape, sameShape, Tensor } from "../../tensor/index.ts";

/** What a network says about every position, as `Detector.logScores` and `Detector.boxes` give it. */
export interface Predictions {
  /** log H [N, C, P], every value <= 0. */
  readonly logScores: Tensor;
  /** [N, 4, P] as x1, y1, x2, y2 in shares of the input; absent for detectors that regress none. */
  readonly boxes?: Tensor | undefined;
}

/** What an objective keeps of the float network, by name: all [N, ...], in shapes that depend on no values. */
export type GlobalConstants = Readonly<Record<string, Tensor>>;

/**
 * A loss of what the quantized network predicts, given what the float one did on the same pictures. Every one is a mean
 * over the pictures: a batch has the mean of its pictures' losses.
 */
export interface GlobalObjective {
  /** As records write it. */
  readonly name: string;
  /** Set where it is about detections: a network without a detector card has none. */
  readonly detections?: true;
  /** What `loss` needs of the float network. Reads values; the tensors it gives share no memory with its input. */
  prepare(float: Predictions): GlobalConstants;
  /** A scalar, differentiable in `quantized` and in ops only, so that it can be recorded. Errors: ShapeError where shapes do not fit. */
  loss(constants: GlobalConstants, quantized: Predictions): Tensor;
  /** Set where it also reads boxes, if the detector regresses any. */
  readonly boxes?: true;
}

/** The tensor an objective was handed. Errors: ShapeError where it is missing or shaped unlike that of the float network. */
export function requireLike(where: string, name: keyof Predictions, got: Tensor | undefined, float: Tensor): Tensor {
  if (got && sameShape(got.shape, float.shape)) return got;
  const shown = got ? formatShape(got.shape) : "none";
  throw new ShapeError(where, `${name} must have the shape of the float network's ${formatShape(float.shape)}, got ${shown}`);
}

/** A tensor of the same values that outlives the memory of a replay. */
export const copyOf = (x: Tensor): Tensor => new Tensor(x.shape, x.dtype, x.data.slice());
