import type { Conv2dAttrs } from "../ops/conv2d.ts";
import type { Meta } from "../tensor.ts";
import { type Geometry, geometryOf, isDepthwise, stageImages, termOffset, writePixels } from "./conv2d.ts";
import { correlatePlane } from "./depthwise.ts";
import { directWeightGrad } from "./depthwiseDirect.ts";
import { multiply, type Product, packA, packARoom, packBRoom, roundUp, writeGrid, writeTable, zeroStart } from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
import { allFloat, countOf, type Placement } from "./placement.ts";
import { copyRows, layoutOf } from "./plane.ts";

function dense(call: Placement, g: Geometry): Run {
  const [x, gradient] = call.inputs;
  const layout = layoutOf(g.height, g.width, g.padding, g.stride[1]);
  const images = stageImages(call, x, g.inChannels, g.height, g.width, layout);
  const pixels = g.out[0] * g.out[1];
  const rows = g.outChannels / g.groups;
  const channels = g.inChannels / g.groups;
  const columns = channels * g.kernel[0] * g.kernel[1];
  const product: Product = {
    ...{ rows, columns, terms: pixels },
    aRows: writeGrid(call, 1, 0, rows, 4 * pixels),
    aTerms: writeGrid(call, 1, 0, pixels, 4),
    bColumns: writeTable(call, columns, (i) => termOffset(g, layout, i)),
    bTerms: writePixels(call, g, layout),
  };
  const packs = { a: packARoom(call, product), b: packBRoom(call, product) };
  const pitch = roundUp(columns, 8);
  const tileSize = roundUp(rows, 4) * pitch;
  const tiles = call.scratch(4 * g.groups * tileSize);
  const start = zeroStart(call, rows);
  const [top, output] = [gradient.address, call.outputs[0].address];
  const { arena } = call;
  return () => {
    for (let n = 0; n < g.batch; n++) {
      const image = images(n);
      for (let group = 0; group < g.groups; group++) {
        packA(arena, product, top + 4 * (n * g.outChannels + group * rows) * pixels, packs);
        const b = image + 4 * group * channels * layout.size;
        multiply(arena, product, b, tiles + 4 * group * tileSize, pitch, packs, n === 0 ? start : undefined);
      }
    }
    for (let group = 0; group < g.groups; group++) {
      copyRows(arena, output + 4 * group * rows * columns, 4 * columns, tiles + 4 * group * tileSize, 4 * pitch, rows, 4 * columns);
    }
  };
}

function depthwise(call: Placement, g: Geometry): Run {
  const [x, gradient] = call.inputs;
  const layout = layoutOf(g.height, g.width, g.padding, g.stride[1]);
  const images = stageImages(call, x, g.inChannels, g.height, g.width, layout);
  const pixels = g.out[0] * g.out[1];
  const count = g.kernel[0] * g.kernel[1];
  const taps = writeTable(call, count, (t) => termOffset(g, layout, t));
  const perInput = g.outChannels / g.inChannels;
  const plane = { rowStep: 4 * g.stride[0] * layout.row, rows: g.out[0], columns: g.out[1], taps, count };
  const [top, output] = [gradient.address, call.outputs[0].address];
  const { arena } = call;
  return () => {
    arena.f32.fill(0, output >> 2, (output >> 2) + g.outChannels * count);
    for (let n = 0; n < g.batch; n++) {
      const image = images(n);
      for (let c = 0; c < g.outChannels; c++) {
        const input = image + 4 * Math.floor(c / perInput) * layout.size;
        correlatePlane(arena, plane, input, top + 4 * (n * g.outChannels + c) * pixels, output + 4 * c * count);
      }
    }
  };
}

/** Gradient of a convolution with respect to its weight: a product over the output pixels of all images. */
export const conv2dWeightGrad: FastKernel = {
  place(call) {
    const { inputs, outputs, attrs } = call;
    const [x, gradient] = inputs;
    if (!allFloat(inputs) || [...inputs, ...outputs].some((t) => countOf(t) === 0)) return undefined;
    const g = geometryOf(x.shape, outputs[0].shape, gradient.shape, attrs as Conv2dAttrs);
    return isDepthwise(g) ? (directWeightGrad(call, g) ?? depthwise(call, g)) : dense(call, g);
  },
  bound: ([, gradient]: readonly Meta[]) => {
    const [batch, , height, width] = gradient.shape;
    return { terms: batch * height * width };
  },
};
