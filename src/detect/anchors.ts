import { exp, log } from "../elementary.ts";
import { ArgumentError } from "../errors.ts";
import { roundHalfEven } from "../tensor/index.ts";
import { fromCxcywh, toCxcywh } from "./box.ts";
import type { Box } from "./detector.ts";

/** What to lay out: per level its map size, its anchor sizes in pixels, and height / width ratios. */
export interface AnchorOptions {
  /** Height and width of the network input in pixels. */
  readonly image: readonly [number, number];
  /** Height and width of every level, in cells. */
  readonly featureMaps: readonly (readonly [number, number])[];
  readonly sizes: readonly (readonly number[])[];
  /** Height over width, several for every level. */
  readonly aspectRatios: readonly (readonly number[])[];
}

/**
 * Anchor boxes of all levels in input pixels: level by level, cell by cell (row-major), then ratio by ratio over the
 * sizes. The stride is the whole quotient of image and map size; base anchors are rounded to whole pixels. Errors:
 * ArgumentError where the lists differ in length.
 */
export function anchors({ image, featureMaps, sizes, aspectRatios }: AnchorOptions): Box[] {
  if (sizes.length !== featureMaps.length || aspectRatios.length !== featureMaps.length) {
    throw new ArgumentError(
      "anchors",
      `sizes and aspectRatios must have one entry a feature map = ${featureMaps.length}, got ${sizes.length} and ${aspectRatios.length}`,
    );
  }
  return featureMaps.flatMap(([rows, columns], level) => {
    const [dy, dx] = [Math.floor(image[0] / rows), Math.floor(image[1] / columns)];
    const base = aspectRatios[level].flatMap((ratio) => {
      const root = Math.sqrt(ratio);
      return sizes[level].map((size): Box => {
        const [w, h] = [size / root / 2, (size * root) / 2];
        return [roundHalfEven(-w), roundHalfEven(-h), roundHalfEven(w), roundHalfEven(h)];
      });
    });
    return Array.from({ length: rows * columns }, (_, cell) => {
      const x = (cell % columns) * dx;
      const y = Math.floor(cell / columns) * dy;
      return base.map((b): Box => [b[0] + x, b[1] + y, b[2] + x, b[3] + y]);
    }).flat();
  });
}

/** Four factors for dx, dy, dw, dh. */
export type BoxWeights = readonly [number, number, number, number];

const NO_WEIGHTS: BoxWeights = [1, 1, 1, 1];

/** Regression target of a box relative to an anchor (Faster R-CNN): centre shift over size, log of the size ratio. */
export function encodeBox(box: Box, anchor: Box, weights: BoxWeights = NO_WEIGHTS): [number, number, number, number] {
  const [x, y, w, h] = toCxcywh(box);
  const [ax, ay, aw, ah] = toCxcywh(anchor);
  return [(weights[0] * (x - ax)) / aw, (weights[1] * (y - ay)) / ah, weights[2] * log(w / aw), weights[3] * log(h / ah)];
}

/** The inverse of `encodeBox`; log size ratios are capped at `clip` so that exp cannot run away. */
export function decodeBox(
  relative: readonly [number, number, number, number],
  anchor: Box,
  weights: BoxWeights = NO_WEIGHTS,
  clip = log(1000 / 16),
): Box {
  const [ax, ay, aw, ah] = toCxcywh(anchor);
  const grow = (d: number, weight: number): number => exp(Math.min(d / weight, clip));
  return fromCxcywh([
    ax + (relative[0] / weights[0]) * aw,
    ay + (relative[1] / weights[1]) * ah,
    aw * grow(relative[2], weights[2]),
    ah * grow(relative[3], weights[3]),
  ]);
}
