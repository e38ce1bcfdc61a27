import type { Layer } from "../graph/index.ts";
import { type Data, ones, Tensor, viewAs } from "../tensor/index.ts";
import { volumesOf } from "./volumes.ts";

/** Geometry of a convolution, as its op keeps it. */
interface ConvAttrs {
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/**
 * A linear layer seen as Y = W P: W is [groups, outputs/group, inputs/group * taps] and each output
 * volume is one column of P [inputs * taps]. Convolutions, transposed convolutions and matrix products
 * all read this way, so refinement and bias correction never ask which one they hold.
 */
export interface PatchView {
  readonly inputs: number;
  readonly outputs: number;
  readonly taps: number;
  readonly groups: number;
  /** The weight as a matrix [groups, outputs/group, inputs/group * taps]; the identity view has none and takes none. */
  matrix(weight: Tensor | undefined): Tensor;
  /** Writes the patches of output positions of x [1,C,H,W] into columns of `into` [inputs * taps, stride], from `column` on. */
  gather(x: Tensor, y: readonly number[], positions: Int32Array, into: Float32Array, column: number, stride: number): void;
}

/** The patch view of a layer whose weight has the given shape. */
export function patchView(layer: Layer, weightShape: readonly number[]): PatchView {
  return VIEWS[layer.kind](layer, weightShape);
}

/** The view of a tensor as a layer that copies it: one output per channel, no weights to speak of. */
export const identityView = (channels: number): PatchView => ({
  inputs: channels,
  outputs: channels,
  taps: 1,
  groups: channels,
  matrix: () => ones([channels, 1, 1]),
  gather(x, y, positions, into, column, step) {
    const { channelStride, positionStride } = volumesOf(y);
    const places = positions.map((p) => p * positionStride);
    for (let c = 0; c < channels; c++) pick(x.data, c * channelStride, places, into, column + c * step);
  },
});

const VIEWS: Readonly<Record<Layer["kind"], (layer: Layer, weightShape: readonly number[]) => PatchView>> = {
  conv2d: convolutionView,
  convTranspose2d: transposedView,
  matmul: matrixView,
};

function convolutionView(layer: Layer, [outputs, inputsPerGroup, kh, kw]: readonly number[]): PatchView {
  const { stride, padding, dilation, groups } = layer.attrs as ConvAttrs;
  const inputs = inputsPerGroup * groups;
  return {
    inputs,
    outputs,
    taps: kh * kw,
    groups,
    matrix: (w) => viewAs(w as Tensor, [groups, outputs / groups, inputsPerGroup * kh * kw]),
    gather(x, y, positions, into, column, step) {
      gatherTaps(x, kh, kw, into, column, step, (i, j) =>
        positions.map((p) => {
          const iy = Math.floor(p / y[3]) * stride[0] - padding[0] + i * dilation[0];
          const ix = (p % y[3]) * stride[1] - padding[2] + j * dilation[1];
          return placeIn(x.shape, iy, ix);
        }),
      );
    },
  };
}

function transposedView(layer: Layer, [inputs, outputsPerGroup, kh, kw]: readonly number[]): PatchView {
  const { stride, padding, dilation, groups } = layer.attrs as ConvAttrs;
  const outputs = outputsPerGroup * groups;
  return {
    inputs,
    outputs,
    taps: kh * kw,
    groups,
    matrix(weight) {
      const w = weight as Tensor;
      const per = inputs / groups;
      const taps = kh * kw;
      const data = new Float32Array(w.size);
      for (let c = 0; c < inputs; c++) {
        const g = Math.floor(c / per);
        for (let o = 0; o < outputsPerGroup; o++) {
          const from = (c * outputsPerGroup + o) * taps;
          const to = ((g * outputsPerGroup + o) * per + (c % per)) * taps;
          for (let t = 0; t < taps; t++) data[to + t] = w.data[from + t];
        }
      }
      return new Tensor([groups, outputsPerGroup, per * taps], "f32", data);
    },
    gather(x, y, positions, into, column, step) {
      gatherTaps(x, kh, kw, into, column, step, (i, j) =>
        positions.map((p) => {
          const iy = (Math.floor(p / y[3]) + padding[0] - i * dilation[0]) / stride[0];
          const ix = ((p % y[3]) + padding[2] - j * dilation[1]) / stride[1];
          return placeIn(x.shape, iy, ix);
        }),
      );
    },
  };
}

function matrixView(_: Layer, [inputs, outputs]: readonly number[]): PatchView {
  return {
    inputs,
    outputs,
    taps: 1,
    groups: 1,
    matrix(weight) {
      const w = weight as Tensor;
      const data = new Float32Array(w.size);
      for (let k = 0; k < inputs; k++) for (let o = 0; o < outputs; o++) data[o * inputs + k] = w.data[k * outputs + o];
      return new Tensor([1, outputs, inputs], "f32", data);
    },
    gather(x, _y, positions, into, column, step) {
      const places = positions.map((p) => p * inputs);
      for (let k = 0; k < inputs; k++) pick(x.data, k, places, into, column + k * step);
    },
  };
}

/** Where a pixel lies in a channel of [1,C,H,W]; -1 for what is between pixels or outside. */
function placeIn([, , height, width]: readonly number[], y: number, x: number): number {
  const inside = Number.isInteger(y) && Number.isInteger(x) && y >= 0 && y < height && x >= 0 && x < width;
  return inside ? y * width + x : -1;
}

/** Fills the line of every channel and tap; `placesOf` gives for a tap where the values of the columns lie in a channel. */
function gatherTaps(
  { shape: [, channels, height, width], data }: Tensor,
  kh: number,
  kw: number,
  into: Float32Array,
  column: number,
  step: number,
  placesOf: (i: number, j: number) => Int32Array,
): void {
  for (let i = 0, tap = 0; i < kh; i++) {
    for (let j = 0; j < kw; j++, tap++) {
      const places = placesOf(i, j);
      for (let c = 0; c < channels; c++) pick(data, c * height * width, places, into, column + (c * kh * kw + tap) * step);
    }
  }
}

/** Values that lie at `places` behind `first`, one after the other from `column` on; zeros where a place is -1. */
export function pick(data: Data, first: number, places: Int32Array, into: Float32Array, column: number): void {
  for (let i = 0; i < places.length; i++) into[column + i] = places[i] < 0 ? 0 : data[first + places[i]];
}
