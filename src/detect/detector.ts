import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** x1, y1, x2, y2 with x1 <= x2 and y1 <= y2, in pixels. */
export type Box = readonly [number, number, number, number];

/** One found object. Boxes are in pixels of the network input until mapped back to the picture. */
export interface Prediction {
  /** Where it is, in pixels. */
  readonly box: Box;
  /** In [0, 1]. */
  readonly score: number;
  /** Index into the detector's classes. */
  readonly label: number;
}

/** One annotated object. */
export interface GroundTruth {
  /** Where it is, in pixels. */
  readonly box: Box;
  /** Index into the detector's classes. */
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
  /** Of the network input, in pixels. */
  readonly width: number;
  /** Of the network input, in pixels. */
  readonly height: number;
  /** Channels before or behind rows and columns: [N,3,H,W] or [N,H,W,3]. */
  readonly layout: "NCHW" | "NHWC";
  /** Order of the channels. */
  readonly color: "RGB" | "BGR";
  /** letterbox keeps the aspect ratio and fills the rest; stretch does not. */
  readonly resize: "letterbox" | "stretch";
  /** Where a letterboxed picture sits. */
  readonly anchor: "topLeft" | "center";
  /** Grey level 0..255 of the letterbox border. */
  readonly fill: number;
  /** value = (pixel - mean) / std with pixel in 0..255, per channel in the order of `color`. */
  readonly mean: readonly [number, number, number];
  /** What is divided by, per channel. */
  readonly std: readonly [number, number, number];
}

/** A network that finds objects. Everything after `forward` stays in float. */
export interface Detector extends Module<Heads> {
  /** As reports write it. */
  readonly name: string;
  /** Names of the classes; labels are positions in this list. */
  readonly classes: readonly string[];
  /** How a picture becomes its input. */
  readonly input: InputSpec;
  /** Cap on detections per picture; the default top-K of InlierQ eq. 7. */
  readonly maxDetections: number;
  /**
   * log H of the class heatmap, differentiable: [N, C, P] with P positions, every value <= 0.
   * Working in logs keeps eq. 7 exact where the heatmap underflows.
   */
  logScores(heads: Heads): Tensor;
  /**
   * Rows and columns of the maps that the P positions of `logScores` are, one map after the other, each row by row.
   * Absent where they are no maps, e.g. where several anchors share a cell.
   */
  maps?(heads: Heads): readonly (readonly [rows: number, columns: number])[];
  /**
   * The box of every position, differentiable and in ops only: [N, 4, P] as x1, y1, x2, y2 divided by the width and
   * height of the input, positions in the order of `logScores`. Absent where boxes are not regressed.
   */
  boxes?(heads: Heads): Tensor;
  /** Detections per image of the batch, best first, after non-maximum suppression. */
  decode(heads: Heads): Prediction[][];
}
