import type { Layer } from "../graph/index.ts";
import { ones, Tensor, viewAs } from "../tensor/index.ts";
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
  /** Writes the patch of one output position of x [1,C,H,W] into column `column` of `into` [inputs * taps, stride]. */
  gather(x: Tensor, y: readonly number[], position: number, into: Float32Array, column: number, stride: number): void;
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
  gather(x, y, position, into, column, step) {
    const { channelStride, positionStride } = volumesOf(y);
    for (let c = 0; c < channels; c++) into[column + c * step] = x.data[c * channelStride + position * positionStride];
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
    gather(x, y, position, into, column, step) {
      const [, channels, height, width] = x.shape;
      const { data } = x;
      const oy = Math.floor(position / y[3]) * stride[0] - padding[0];
      const ox = (position % y[3]) * stride[1] - padding[2];
      const taps = kh * kw;
      for (let i = 0, tap = 0; i < kh; i++) {
        const iy = oy + i * dilation[0];
        for (let j = 0; j < kw; j++, tap++) {
          const ix = ox + j * dilation[1];
          const inside = iy >= 0 && iy < height && ix >= 0 && ix < width;
          let at = column + tap * step;
          for (let c = 0, from = iy * width + ix; c < channels; c++, at += taps * step, from += height * width) {
            into[at] = inside ? data[from] : 0;
          }
        }
      }
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
    gather(x, y, position, into, column, step) {
      const [, channels, height, width] = x.shape;
      const oy = Math.floor(position / y[3]) + padding[0];
      const ox = (position % y[3]) + padding[2];
      let at = column;
      for (let c = 0; c < channels; c++) {
        const plane = c * height * width;
        for (let i = 0; i < kh; i++) {
          const iy = (oy - i * dilation[0]) / stride[0];
          for (let j = 0; j < kw; j++, at += step) {
            const ix = (ox - j * dilation[1]) / stride[1];
            const inside = Number.isInteger(iy) && Number.isInteger(ix) && iy >= 0 && iy < height && ix >= 0 && ix < width;
            into[at] = inside ? x.data[plane + iy * width + ix] : 0;
          }
        }
      }
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
    gather(x, _y, position, into, column, step) {
      for (let k = 0; k < inputs; k++) into[column + k * step] = x.data[position * inputs + k];
    },
  };
}
