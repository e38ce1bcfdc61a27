import { type Box, clipBox, type InputSpec } from "../detect/index.ts";
import { Tensor } from "../tensor/index.ts";
import type { Picture } from "./image.ts";

/** A picture made ready for a network, and the way back. */
export interface Prepared {
  /** f32 [1,3,H,W], or [1,H,W,3] when the layout is NHWC. */
  readonly x: Tensor;
  /** From pixels of the network input to pixels of the picture, clipped to the picture. */
  toPicture(box: Box): Box;
  /** From pixels of the picture to pixels of the network input, not clipped. */
  toInput(box: Box): Box;
}

/** Where the resized picture lies in the network input, in pixels. */
interface Placement {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Resizes a picture bilinearly (half-pixel centres, edges repeated, no antialiasing, 8-bit results as OpenCV gives)
 * into the network input and scales its values: value = (pixel - mean) / std, channels in the order of `spec.color`.
 */
export const preprocess = (picture: Picture, spec: InputSpec): Prepared => prepare(picture, fitToInput(picture, spec), spec);

/** The picture in the size it has in the network input. */
export function fitToInput(picture: Picture, spec: InputSpec): Picture {
  const { width, height } = placementOf(picture, spec);
  return resize(picture, width, height);
}

/** `preprocess` where the fitted picture is at hand. */
export function prepare(picture: Picture, resized: Picture, spec: InputSpec): Prepared {
  const place = placementOf(picture, spec);
  const scaleX = place.width / picture.width;
  const scaleY = place.height / picture.height;
  return {
    x: toTensor(resized, place, spec),
    toPicture: ([x1, y1, x2, y2]) => {
      const x = (v: number) => (v - place.left) / scaleX;
      const y = (v: number) => (v - place.top) / scaleY;
      return clipBox([x(x1), y(y1), x(x2), y(y2)], picture.width, picture.height);
    },
    toInput: ([x1, y1, x2, y2]) => [x1 * scaleX + place.left, y1 * scaleY + place.top, x2 * scaleX + place.left, y2 * scaleY + place.top],
  };
}

function placementOf(picture: Picture, spec: InputSpec): Placement {
  if (spec.resize === "stretch") return { left: 0, top: 0, width: spec.width, height: spec.height };
  const ratio = Math.min(spec.width / picture.width, spec.height / picture.height);
  const width = Math.max(1, Math.min(spec.width, Math.floor(picture.width * ratio)));
  const height = Math.max(1, Math.min(spec.height, Math.floor(picture.height * ratio)));
  if (spec.anchor === "topLeft") return { left: 0, top: 0, width, height };
  return { left: (spec.width - width) >> 1, top: (spec.height - height) >> 1, width, height };
}

/** Left neighbour, right neighbour and weight of the right one for every output coordinate. */
function taps(from: number, to: number): { low: Int32Array; high: Int32Array; weight: Float64Array } {
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const weight = new Float64Array(to);
  for (let i = 0; i < to; i++) {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    low[i] = Math.floor(at);
    high[i] = Math.min(low[i] + 1, from - 1);
    weight[i] = at - low[i];
  }
  return { low, high, weight };
}

/** Bilinear resize to 8-bit pixels. */
export function resize(picture: Picture, width: number, height: number): Picture {
  if (picture.width === width && picture.height === height) return picture;
  const { data } = picture;
  const out = new Uint8Array(width * height * 3);
  const across = taps(picture.width, width);
  const down = taps(picture.height, height);
  for (let y = 0; y < height; y++) {
    const top = down.low[y] * picture.width;
    const bottom = down.high[y] * picture.width;
    const wy = down.weight[y];
    for (let x = 0; x < width; x++) {
      const left = across.low[x];
      const right = across.high[x];
      const wx = across.weight[x];
      const to = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) {
        const above = data[(top + left) * 3 + c] * (1 - wx) + data[(top + right) * 3 + c] * wx;
        const below = data[(bottom + left) * 3 + c] * (1 - wx) + data[(bottom + right) * 3 + c] * wx;
        out[to + c] = above * (1 - wy) + below * wy + 0.5;
      }
    }
  }
  return { width, height, data: out };
}

function toTensor(resized: Picture, place: Placement, spec: InputSpec): Tensor {
  const { width, height, layout, color, fill, mean, std } = spec;
  const planar = layout === "NCHW";
  const out = new Float32Array(3 * width * height);
  const step = planar ? 1 : 3;
  const covered = place.width === width && place.height === height;
  for (let c = 0; c < 3; c++) {
    const source = color === "RGB" ? c : 2 - c;
    const levels = Float32Array.from({ length: 256 }, (_, level) => (level - mean[c]) / std[c]);
    const border = (fill - mean[c]) / std[c];
    const first = planar ? c * width * height : c;
    if (!covered) fillChannel(out, first, step, width * height, border);
    for (let y = 0; y < place.height; y++) {
      const to = first + ((y + place.top) * width + place.left) * step;
      writeRow(out, to, step, resized.data, 3 * y * place.width + source, place.width, levels);
    }
  }
  return new Tensor(planar ? [1, 3, height, width] : [1, height, width, 3], "f32", out);
}

function fillChannel(out: Float32Array, first: number, step: number, count: number, value: number): void {
  if (step === 1) out.fill(value, first, first + count);
  else for (let i = 0, to = first; i < count; i++, to += step) out[to] = value;
}

/** One channel of one row of pixels, as the values that its levels stand for. */
function writeRow(
  out: Float32Array,
  to: number,
  step: number,
  pixels: Uint8Array,
  from: number,
  count: number,
  levels: Float32Array,
): void {
  for (let x = 0, source = from, target = to; x < count; x++, source += 3, target += step) out[target] = levels[pixels[source]];
}
