import type { Arena } from "../../wasm/index.ts";
import type { Conv2dAttrs } from "../ops/conv2d.ts";
import { sizeOf } from "../shape.ts";
import { type Meta, Tensor } from "../tensor.ts";
import { type Geometry, geometryOf, isDepthwise, stageImages, termOffset, writePixels } from "./conv2d.ts";
import { correlatePlane } from "./depthwise.ts";
import { allocatePacks, multiply, type Product, packA, roundUp, writeGrid, writeTable, zeroStart } from "./gemm.ts";
import type { FastKernel } from "./index.ts";
import { copyRows, layoutOf } from "./plane.ts";
import { floats, staged } from "./staging.ts";

function dense(arena: Arena, g: Geometry, x: Float32Array, gradient: Float32Array, output: number): void {
  const layout = layoutOf(g.height, g.width, g.padding, g.stride[1]);
  const images = stageImages(arena, x, g.inChannels, g.height, g.width, layout);
  const pixels = g.out[0] * g.out[1];
  const gradients = stageImages(arena, gradient, g.outChannels, g.out[0], g.out[1], layoutOf(g.out[0], g.out[1], [0, 0, 0, 0], 1));
  const rows = g.outChannels / g.groups;
  const channels = g.inChannels / g.groups;
  const columns = channels * g.kernel[0] * g.kernel[1];
  const product: Product = {
    ...{ rows, columns, terms: pixels },
    aRows: writeGrid(arena, 1, 0, rows, 4 * pixels),
    aTerms: writeGrid(arena, 1, 0, pixels, 4),
    bColumns: writeTable(arena, columns, (i) => termOffset(g, layout, i)),
    bTerms: writePixels(arena, g, layout),
  };
  const packs = allocatePacks(arena, product, 1)[0]!;
  const pitch = roundUp(columns, 8);
  const tileSize = roundUp(rows, 4) * pitch;
  const tiles = arena.allocate(4 * g.groups * tileSize);
  const start = zeroStart(arena, rows);
  for (let n = 0; n < g.batch; n++) {
    const image = images(n);
    const top = gradients(n);
    for (let group = 0; group < g.groups; group++) {
      packA(arena, product, top + 4 * group * rows * pixels, packs);
      const b = image + 4 * group * channels * layout.size;
      multiply(arena, product, b, tiles + 4 * group * tileSize, pitch, packs, n === 0 ? start : undefined);
    }
  }
  for (let group = 0; group < g.groups; group++) {
    copyRows(arena, output + 4 * group * rows * columns, 4 * columns, tiles + 4 * group * tileSize, 4 * pitch, rows, 4 * columns);
  }
}

function depthwise(arena: Arena, g: Geometry, x: Float32Array, gradient: Float32Array, output: number): void {
  const layout = layoutOf(g.height, g.width, g.padding, g.stride[1]);
  const images = stageImages(arena, x, g.inChannels, g.height, g.width, layout);
  const pixels = g.out[0] * g.out[1];
  const gradients = stageImages(arena, gradient, g.outChannels, g.out[0], g.out[1], layoutOf(g.out[0], g.out[1], [0, 0, 0, 0], 1));
  const count = g.kernel[0] * g.kernel[1];
  const taps = writeTable(arena, count, (t) => termOffset(g, layout, t));
  const perInput = g.outChannels / g.inChannels;
  arena.f32.fill(0, output >> 2, (output >> 2) + g.outChannels * count);
  for (let n = 0; n < g.batch; n++) {
    const image = images(n);
    const top = gradients(n);
    for (let c = 0; c < g.outChannels; c++) {
      const input = image + 4 * Math.floor(c / perInput) * layout.size;
      const plane = { input, rowStep: 4 * g.stride[0] * layout.row, rows: g.out[0], columns: g.out[1], taps, count };
      correlatePlane(arena, plane, top + 4 * c * pixels, output + 4 * c * count);
    }
  }
}

/** Gradient of a convolution with respect to its weight: a product over the output pixels of all images. */
export const conv2dWeightGrad: FastKernel = {
  run(inputs, attrs, [meta]) {
    const arrays = floats(inputs);
    if (!arrays) return undefined;
    const [x, gradient] = arrays;
    const g = geometryOf(inputs[0]!.shape, meta!.shape, inputs[1]!.shape, attrs as Conv2dAttrs);
    const size = sizeOf(meta!.shape);
    if (size === 0 || inputs.some((t) => t.size === 0)) return undefined;
    return staged((arena) => {
      const output = arena.allocate(4 * size);
      if (isDepthwise(g)) depthwise(arena, g, x!, gradient!, output);
      else dense(arena, g, x!, gradient!, output);
      return [new Tensor(meta!.shape, "f32", arena.read(output, size))];
    });
  },
  bound: ([, gradient]: readonly Meta[]) => {
    const [batch, , height, width] = gradient!.shape as [number, number, number, number];
    return { terms: batch * height * width };
  },
};
