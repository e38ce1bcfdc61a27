import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** x1, y1, x2, y2 with x1 <= x2 and y1 <= y2, in pixels. */
export type Box = readonly [number, number, number, number];

/** One found object. Boxes are in pixels of the network input until mapped back to the picture. */
export interface Prediction {
  readonly box: Box;
  /** In [0, 1]. */
  readonly score: number;
  /** Index into the detector's classes. */
  readonly label: number;
}

/** One annotated object. */
export interface GroundTruth {
  readonly box: Box;
  readonly label: number;
  /** Pascal VOC: not counted, neither for nor against. */
  readonly difficult?: boolean;
  /** COCO: a region that absorbs detections. */
  readonly crowd?: boolean;
  /** COCO: segmentation area in square pixels; defaults to the box area. */
  readonly area?: number;
}

/** Output tensors by name. */
export type Heads = Readonly<Record<string, Tensor>>;

/** How a picture becomes the input tensor. */
export interface InputSpec {
  readonly width: number;
  readonly height: number;
  readonly layout: "NCHW" | "NHWC";
  readonly color: "RGB" | "BGR";
  /** letterbox keeps the aspect ratio and fills the rest; stretch does not. */
  readonly resize: "letterbox" | "stretch";
  /** Where a letterboxed picture sits. */
  readonly anchor: "topLeft" | "center";
  /** Grey level 0..255 of the letterbox border. */
  readonly fill: number;
  /** value = (pixel - mean) / std with pixel in 0..255, per channel in the order of `color`. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** A network that finds objects. Everything after `forward` stays in float. */
export interface Detector extends Module<Heads> {
  readonly name: string;
  readonly classes: readonly string[];
  readonly input: InputSpec;
  /** Cap on detections per picture; the default top-K of InlierQ eq. 7. */
  readonly maxDetections: number;
  /**
   * log H of the class heatmap, differentiable: [N, C, P] with P positions, every value <= 0.
   * Working in logs keeps eq. 7 exact where the heatmap underflows.
   */
  logScores(heads: Heads): Tensor;
  /** Detections per image of the batch, best first, after non-maximum suppression. */
  decode(heads: Heads): Prediction[][];
}
