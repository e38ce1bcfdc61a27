import type { Arena } from "../../wasm/index.ts";
import type { Conv2dAttrs } from "../ops/conv2d.ts";
import { sizeOf } from "../shape.ts";
import { type Meta, Tensor } from "../tensor.ts";
import { filterPlane, type Plane } from "./depthwise.ts";
import { allocatePacks, multiply, type Product, packA, roundUp, writeGrid, writeTable } from "./gemm.ts";
import type { FastKernel } from "./index.ts";
import { columnOffset, copyRows, isPlain, type Layout, layoutOf, padPlanes } from "./plane.ts";
import { floats, stage, staged } from "./staging.ts";

/** Sizes of one convolution, forward or seen from its gradients. */
export interface Geometry extends Conv2dAttrs {
  readonly batch: number;
  readonly inChannels: number;
  readonly height: number;
  readonly width: number;
  readonly outChannels: number;
  readonly kernel: readonly [number, number];
  readonly out: readonly [number, number];
}

/** Geometry from the shapes of the input, the weight and the output. */
export function geometryOf(x: readonly number[], weight: readonly number[], y: readonly number[], attrs: Conv2dAttrs): Geometry {
  const [batch, inChannels, height, width] = x as [number, number, number, number];
  return {
    ...{ stride: attrs.stride, padding: attrs.padding, dilation: attrs.dilation, groups: attrs.groups },
    ...{ batch, inChannels, height, width, outChannels: weight[0]! },
    kernel: [weight[2]!, weight[3]!],
    out: [y[2]!, y[3]!],
  };
}

/** Byte offset of tap (ky, kx) inside a padded input plane. */
const tapOffset = (g: Geometry, l: Layout, ky: number, kx: number): number =>
  4 * (ky * g.dilation[0] * l.row + columnOffset(l, kx * g.dilation[1]));

/** Table of byte offsets of the input pixel under tap (0, 0), one per output pixel. */
export const writePixels = (arena: Arena, g: Geometry, l: Layout): number =>
  writeGrid(arena, g.out[0], 4 * g.stride[0] * l.row, g.out[1], 4);

/** Byte offset of term (channel, ky, kx) inside the padded planes of a group. */
export function termOffset(g: Geometry, l: Layout, term: number): number {
  const [kh, kw] = g.kernel;
  const channel = Math.floor(term / (kh * kw));
  const tap = term - channel * kh * kw;
  return 4 * channel * l.size + tapOffset(g, l, Math.floor(tap / kw), tap % kw);
}

/** True where each output channel reads one input channel. */
export const isDepthwise = (g: Geometry): boolean => g.groups > 1 && g.groups === g.inChannels;

/** Brings images into the arena one at a time, padded and dealt for the stride; returns a function from index to address. */
export function stageImages(
  arena: Arena,
  x: Float32Array,
  channels: number,
  height: number,
  width: number,
  layout: Layout,
): (image: number) => number {
  const size = channels * height * width;
  const raw = arena.allocate(4 * size);
  const plain = isPlain(layout, height, width);
  const padded = plain ? raw : arena.allocate(4 * channels * layout.size);
  return (image) => {
    arena.write(raw, x.subarray(image * size, (image + 1) * size));
    if (!plain) padPlanes(arena, raw, channels, height, width, layout, padded);
    return padded;
  };
}

function dense(arena: Arena, g: Geometry, x: Float32Array, weight: Float32Array, bias: number, output: number): void {
  const layout = layoutOf(g.height, g.width, g.padding, g.stride[1]);
  const images = stageImages(arena, x, g.inChannels, g.height, g.width, layout);
  const pixels = g.out[0] * g.out[1];
  const rows = g.outChannels / g.groups;
  const terms = (g.inChannels / g.groups) * g.kernel[0] * g.kernel[1];
  const product: Product = {
    ...{ rows, columns: pixels, terms },
    aRows: writeGrid(arena, 1, 0, rows, 4 * terms),
    aTerms: writeGrid(arena, 1, 0, terms, 4),
    bColumns: writePixels(arena, g, layout),
    bTerms: writeTable(arena, terms, (k) => termOffset(g, layout, k)),
  };
  const packs = allocatePacks(arena, product, g.groups);
  const a = stage(arena, weight);
  for (let group = 0; group < g.groups; group++) packA(arena, product, a + 4 * group * rows * terms, packs[group]!);
  const pitch = roundUp(pixels, 8);
  const aligned = pitch === pixels;
  const tile = aligned ? 0 : arena.allocate(4 * roundUp(rows, 4) * pitch);
  for (let n = 0; n < g.batch; n++) {
    const image = images(n);
    for (let group = 0; group < g.groups; group++) {
      const target = output + 4 * (n * g.outChannels + group * rows) * pixels;
      const b = image + 4 * group * (g.inChannels / g.groups) * layout.size;
      multiply(arena, product, b, aligned ? target : tile, pitch, packs[group]!, bias + 4 * group * rows);
      if (!aligned) copyRows(arena, target, 4 * pixels, tile, 4 * pitch, rows, 4 * pixels);
    }
  }
}

function depthwise(arena: Arena, g: Geometry, x: Float32Array, weight: Float32Array, bias: Float32Array | undefined, output: number): void {
  const layout = layoutOf(g.height, g.width, g.padding, g.stride[1]);
  const images = stageImages(arena, x, g.inChannels, g.height, g.width, layout);
  const weights = stage(arena, weight);
  const count = g.kernel[0] * g.kernel[1];
  const taps = writeTable(arena, count, (t) => termOffset(g, layout, t));
  const pixels = g.out[0] * g.out[1];
  const perInput = g.outChannels / g.inChannels;
  for (let n = 0; n < g.batch; n++) {
    const image = images(n);
    for (let c = 0; c < g.outChannels; c++) {
      const input = image + 4 * Math.floor(c / perInput) * layout.size;
      const plane: Plane = { input, rowStep: 4 * g.stride[0] * layout.row, rows: g.out[0], columns: g.out[1], taps, count };
      filterPlane(arena, plane, weights + 4 * c * count, bias ? bias[c]! : 0, output + 4 * (n * g.outChannels + c) * pixels);
    }
  }
}

/** Convolution: implicit im2col into a packed product, or a direct filter where it is depthwise. */
export const conv2d: FastKernel = {
  run(inputs, attrs, [meta]) {
    const arrays = floats(inputs);
    if (!arrays) return undefined;
    const [x, weight, bias] = arrays;
    const g = geometryOf(inputs[0]!.shape, inputs[1]!.shape, meta!.shape, attrs as Conv2dAttrs);
    const size = sizeOf(meta!.shape);
    if (size === 0) return undefined;
    return staged((arena) => {
      // Whole tiles and vectors are written: up to three rows and a vector behind the last output.
      const output = arena.allocate(4 * (size + 4 * roundUp(g.out[0] * g.out[1], 8) + 16));
      if (isDepthwise(g)) depthwise(arena, g, x!, weight!, bias, output);
      else dense(arena, g, x!, weight!, stageBias(arena, bias, g.outChannels), output);
      return [new Tensor(meta!.shape, "f32", arena.read(output, size))];
    });
  },
  bound([, weight, bias]: readonly Meta[]) {
    const [, channels, kh, kw] = weight!.shape as [number, number, number, number];
    return { terms: channels * kh * kw + (bias ? 1 : 0) };
  },
};

function stageBias(arena: Arena, bias: Float32Array | undefined, channels: number): number {
  const address = arena.allocate(4 * (channels + 4));
  arena.f32.fill(0, address >> 2, (address >> 2) + channels + 4);
  if (bias) arena.write(address, bias);
  return address;
}
