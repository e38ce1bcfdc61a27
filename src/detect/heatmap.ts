import { exp } from "../elementary.ts";
import type { Box, Prediction } from "./detector.ts";
import { byScore } from "./nms.ts";

/**
 * Largest radius by which both corners of a box may move while IoU with it stays at least `minOverlap` (CornerNet).
 * Three cases, one corner outside and one inside, both inside, both outside, give three quadratics; the least root counts.
 *
 * "released" reproduces the code that CornerNet and CenterNet shipped, which takes the greater root of the first two
 * quadratics and divides the last two by 2; "corrected" solves them. Unit: heatmap cells, not rounded.
 */
export function gaussianRadius(height: number, width: number, minOverlap = 0.7, version: "corrected" | "released" = "corrected"): number {
  const sum = height + width;
  const product = height * width;
  const mixed = Math.sqrt(sum * sum - (4 * product * (1 - minOverlap)) / (1 + minOverlap));
  const inside = Math.sqrt(4 * sum * sum - 16 * (1 - minOverlap) * product);
  const outside = Math.sqrt(4 * minOverlap * minOverlap * sum * sum + 16 * minOverlap * (1 - minOverlap) * product);
  const slope = -2 * minOverlap * sum;
  return version === "released"
    ? Math.min((sum + mixed) / 2, (2 * sum + inside) / 2, (slope + outside) / 2)
    : Math.min((sum - mixed) / 2, (2 * sum - inside) / 8, (slope + outside) / (8 * minOverlap));
}

/**
 * Draws the target peak of one object into one channel of a heatmap, in place: exp(-d^2 / 2 sigma^2) within `radius`
 * cells of the centre, sigma = (2 radius + 1) / 6, the larger value where objects overlap. Values below the machine
 * epsilon are left out.
 *
 * Shape: channel [height, width], row-major. Unit: cells, for the width too.
 */
export function drawGaussian(channel: Float32Array | Float64Array, width: number, cx: number, cy: number, radius: number): void {
  const height = channel.length / width;
  const sigma = (2 * radius + 1) / 6;
  for (let y = Math.max(0, cy - radius); y <= Math.min(height - 1, cy + radius); y++) {
    for (let x = Math.max(0, cx - radius); x <= Math.min(width - 1, cx + radius); x++) {
      const value = exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma * sigma));
      const at = y * width + x;
      if (value >= Number.EPSILON && value > channel[at]) channel[at] = value;
    }
  }
}

/** One image of CenterNet outputs: row-major channels of `height` x `width` cells. */
export interface CenterMaps {
  readonly width: number;
  readonly height: number;
  /** Channels of the heatmap. */
  readonly classes: number;
  /** [classes, height, width], higher is better. */
  readonly heat: ArrayLike<number>;
  /** [2, height, width]: box width, box height. */
  readonly size: ArrayLike<number>;
  /** [2, height, width]: where in its cell the centre lies, x then y. Absent: the middle. */
  readonly offset?: ArrayLike<number> | undefined;
}

/** A cell that is the greatest of its 3 x 3 neighbourhood; equal neighbours are all peaks. */
function isPeak(maps: Pick<CenterMaps, "heat" | "width" | "height">, c: number, x: number, y: number): boolean {
  const { heat, width, height } = maps;
  const base = c * width * height;
  const value = heat[base + y * width + x];
  for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
    for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) if (heat[base + v * width + u] > value) return false;
  }
  return true;
}

/** The best cell of an object: index into one channel's cells, class and heat. */
export interface Peak {
  readonly cell: number;
  readonly label: number;
  readonly heat: number;
}

/** 3 x 3 peaks of one image with heat above `minHeat`, the best `topK`, best first. */
export function heatPeaks(maps: Omit<CenterMaps, "size" | "offset">, topK: number, minHeat = -Infinity): Peak[] {
  const { heat, width, height, classes } = maps;
  const cells = width * height;
  const peaks: number[] = [];
  for (let c = 0; c < classes; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++)
        if (heat[c * cells + y * width + x] > minHeat && isPeak(maps, c, x, y)) peaks.push(c * cells + y * width + x);
    }
  }
  const order = byScore(peaks.map((i) => heat[i]));
  return Array.from(order.subarray(0, topK), (k) => ({
    cell: peaks[k] % cells,
    label: Math.floor(peaks[k] / cells),
    heat: heat[peaks[k]],
  }));
}

/**
 * CenterNet decoding of one image: 3 x 3 peaks with heat above `minHeat`, the best `topK`, best first.
 * Boxes in heatmap cells, `score` is the heat as given. A negative size counts as 0.
 */
export function decodeCenters(maps: CenterMaps, topK: number, minHeat = -Infinity): Prediction[] {
  const { width, height, size, offset } = maps;
  const cells = width * height;
  return heatPeaks(maps, topK, minHeat).map(({ cell, label, heat }) => {
    const cx = (cell % width) + (offset ? offset[cell] : 0.5);
    const cy = Math.floor(cell / width) + (offset ? offset[cells + cell] : 0.5);
    const w = Math.max(0, size[cell]);
    const h = Math.max(0, size[cells + cell]);
    const box: Box = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2];
    return { box, score: heat, label };
  });
}
