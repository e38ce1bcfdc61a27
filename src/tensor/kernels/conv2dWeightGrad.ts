import { placeTasks, type Task } from "../../wasm/index.ts";
import type { Conv2dAttrs } from "../ops/conv2d.ts";
import type { Meta } from "../tensor.ts";
import { laySteps } from "./bands.ts";
import { type Geometry, geometryOf, isDepthwise, stageImages, termOffset, writePixels } from "./conv2d.ts";
import { correlatePlane } from "./depthwise.ts";
import { directWeightGrad } from "./depthwiseDirect.ts";
import {
  cuts,
  eachAlone,
  inTurn,
  multiplyStep,
  type Product,
  packedBytes,
  packStep,
  partsOf,
  piecesFor,
  roundUp,
  workspaceOf,
  writeGrid,
  writeTable,
} from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
import { allFloat, countOf, type Placement, type Room } from "./placement.ts";
import { isPlain, type Layout, layoutOf } from "./plane.ts";

/** Channels that one task lays out or packs. */
const CHANNELS_AT_ONCE = 8;

/**
 * Images one after the other, so that the order of sums depends on no number of threads: each is laid out and its gradient
 * packed, then every piece of the weight adds the image's products to totals of its own.
 */
function dense(call: Placement, g: Geometry): Run {
  const [x, gradient] = call.inputs;
  const { arena } = call;
  const [rows, channels] = [g.outChannels / g.groups, g.inChannels / g.groups];
  const whole = layoutOf(g.height, g.width, g.padding, g.stride[1]);
  const pixels = g.out[0] * g.out[1];
  const product: Product = {
    ...{ rows, columns: channels * g.kernel[0] * g.kernel[1], terms: pixels },
    aRows: writeGrid(call, 1, 0, rows, 4 * pixels),
    aTerms: writeGrid(call, 1, 0, pixels, 4),
    bColumns: writeTable(call, channels * g.kernel[0] * g.kernel[1], (i) => termOffset(g, whole, i)),
    bTerms: writePixels(call, g, whole),
  };
  const images = layImages(call, g, whole, x.address);
  const packs = Array.from({ length: g.groups }, () => call.scratch(packedBytes(product)));
  const parts = partsOf(product, piecesFor(arena, g.groups));
  const space = workspaceOf(call, { ...product, columns: parts[0]!.columns }, true);
  const pieces = packs.flatMap((a, group) =>
    parts.map((part) => ({ group, a, part, totals: call.scratch(4 * roundUp(part.rows, 4) * roundUp(part.columns, 8)) })),
  );
  const cost = g.outChannels * pixels * product.columns;
  const output = call.outputs[0].address;
  const runs: Run[] = [];
  for (let n = 0; n < g.batch; n++) {
    const { laying, at } = images(n);
    const packing = packs.map((a, group) =>
      packStep(arena, product, gradient.address + 4 * (n * g.outChannels + group * rows) * pixels, a),
    );
    const tasks = pieces.map(({ group, a, part, totals }) => {
      const c = output + 4 * ((group * rows + part.row) * product.columns + part.column);
      const b = at + 4 * group * channels * whole.size;
      const turn = { begin: n === 0, finish: n === g.batch - 1 };
      return [multiplyStep(arena, product, { ...space, totals }, { ...part, ...turn, a, b, c, pitch: product.columns })];
    });
    runs.push(
      placeTasks(arena, [...laying, ...eachAlone(packing)], (g.inChannels + g.outChannels) * pixels),
      placeTasks(arena, tasks, cost),
    );
  }
  return inTurn(...runs);
}

/** Where an image lies once it is laid out, and the tasks that do so. */
function layImages(room: Room, g: Geometry, layout: Layout, source: number): (image: number) => { laying: Task[]; at: number } {
  const plane = 4 * g.height * g.width;
  if (isPlain(layout, g.height, g.width)) return (image) => ({ laying: [], at: source + image * g.inChannels * plane });
  const at = room.scratch(4 * g.inChannels * layout.size);
  return (image) => {
    const from = source + image * g.inChannels * plane;
    const laying = cuts(g.inChannels, CHANNELS_AT_ONCE).map(([c, channels]) =>
      laySteps(room.arena, { ...g, channels, layout }, layout, from + c * plane, 0, at + 4 * c * layout.size),
    );
    return { laying, at };
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
