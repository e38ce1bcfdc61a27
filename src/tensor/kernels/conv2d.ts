import { placeTasks, type Task } from "../../wasm/index.ts";
import type { Conv2dAttrs } from "../ops/conv2d.ts";
import type { Meta } from "../tensor.ts";
import { bandRows, bandsOf } from "./bands.ts";
import { filterPlane, type Plane } from "./depthwise.ts";
import { directForward } from "./depthwiseDirect.ts";
import {
  cuts,
  eachAlone,
  inTurn,
  multiplyStep,
  type Product,
  packsOf,
  piecesFor,
  rowsOfPart,
  workspaceOf,
  writeGrid,
  writeTable,
} from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
import { allFloat, type Block, countOf, type Epilogue, floatsOf, none, type Placement, type Room } from "./placement.ts";
import { columnOffset, isPlain, type Layout, layoutOf, padPlanes } from "./plane.ts";

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
export const writePixels = (room: Room, g: Geometry, l: Layout): number => writeGrid(room, g.out[0], 4 * g.stride[0] * l.row, g.out[1], 4);

/** Byte offset of term (channel, ky, kx) inside the padded planes of a group. */
export function termOffset(g: Geometry, l: Layout, term: number): number {
  const [kh, kw] = g.kernel;
  const channel = Math.floor(term / (kh * kw));
  const tap = term - channel * kh * kw;
  return 4 * channel * l.size + tapOffset(g, l, Math.floor(tap / kw), tap % kw);
}

/** Rows of a padded image that `rows` output rows read. */
const rowsRead = (g: Geometry, rows: number): number => (rows - 1) * g.stride[0] + (g.kernel[0] - 1) * g.dilation[0] + 1;

/** True where each output channel reads one input channel. */
export const isDepthwise = (g: Geometry): boolean => g.groups > 1 && g.groups === g.inChannels;

/**
 * The images of a block, laid out one at a time: a function from the image's number to its address, padded and dealt for
 * the stride. An image stays until the next is asked for.
 */
export function stageImages(
  room: Room,
  x: Block,
  channels: number,
  height: number,
  width: number,
  layout: Layout,
): (image: number) => number {
  const bytes = 4 * channels * height * width;
  const source = x.address;
  if (isPlain(layout, height, width)) return (image) => source + image * bytes;
  const padded = room.scratch(4 * channels * layout.size);
  return (image) => {
    padPlanes(room.arena, source + image * bytes, channels, height, width, layout, padded);
    return padded;
  };
}

function dense(call: Placement, g: Geometry, epilogue: Epilogue): Run {
  const [x, weight, bias] = call.inputs;
  const { arena } = call;
  const [rows, channels] = [g.outChannels / g.groups, g.inChannels / g.groups];
  const terms = channels * g.kernel[0] * g.kernel[1];
  const pieces = piecesFor(arena, g.batch * g.groups);
  const bands = bandRows(g.out[0], g.out[1], pieces);
  const whole = layoutOf(g.height, g.width, g.padding, g.stride[1]);
  const { layout, stage } = bandsOf(call, { ...g, channels, layout: whole }, rowsRead(g, bands[0]![1]));
  const product: Product = {
    ...{ rows, columns: bands[0]![1] * g.out[1], terms },
    aRows: writeGrid(call, 1, 0, rows, 4 * terms),
    aTerms: writeGrid(call, 1, 0, terms, 4),
    bColumns: writeGrid(call, bands[0]![1], 4 * g.stride[0] * layout.row, g.out[1], 4),
    bTerms: writeTable(call, terms, (k) => termOffset(g, layout, k)),
  };
  const groups = Array.from({ length: g.groups }, (_, group) => weight.address + 4 * group * rows * terms);
  const { packs, steps: packing } = packsOf(call, product, groups, weight.constant);
  const space = workspaceOf(call, product);
  const parts = cuts(rows, rowsOfPart(rows, Math.ceil(pieces / bands.length)));
  const output = call.outputs[0].address;
  const pixels = g.out[0] * g.out[1];
  const tasks: Task[] = [];
  for (let i = 0; i < g.batch * g.groups; i++) {
    const group = i % g.groups;
    const start = bias ? bias.address + 4 * group * rows : 0;
    for (const [y, count] of bands) {
      const { steps, at } = stage(x.address + 4 * i * channels * g.height * g.width, y * g.stride[0]);
      for (const [row, high] of parts) {
        const region = { first: (i * rows + row) * pixels + y * g.out[1], count: count * g.out[1], rows: high, pitch: pixels };
        const part = {
          row,
          rows: high,
          columns: region.count,
          a: packs[group]!,
          b: at,
          c: output + 4 * region.first,
          pitch: pixels,
          start,
        };
        tasks.push([...steps, multiplyStep(arena, product, space, part), ...epilogue(region)]);
      }
    }
  }
  const packRun = placeTasks(arena, eachAlone(packing), packing.length * rows * terms);
  return inTurn(packRun, placeTasks(arena, tasks, g.batch * g.outChannels * pixels * terms));
}

function depthwise(call: Placement, g: Geometry): Run {
  const [x, weight, bias] = call.inputs;
  const layout = layoutOf(g.height, g.width, g.padding, g.stride[1]);
  const images = stageImages(call, x, g.inChannels, g.height, g.width, layout);
  const weights = weight.address;
  const output = call.outputs[0].address;
  const start = bias && floatsOf(bias);
  const count = g.kernel[0] * g.kernel[1];
  const taps = writeTable(call, count, (t) => termOffset(g, layout, t));
  const pixels = g.out[0] * g.out[1];
  const perInput = g.outChannels / g.inChannels;
  const plane: Plane = { rowStep: 4 * g.stride[0] * layout.row, rows: g.out[0], columns: g.out[1], taps, count };
  return () => {
    for (let n = 0; n < g.batch; n++) {
      const image = images(n);
      for (let c = 0; c < g.outChannels; c++) {
        const input = image + 4 * Math.floor(c / perInput) * layout.size;
        const target = output + 4 * (n * g.outChannels + c) * pixels;
        filterPlane(call.arena, plane, input, weights + 4 * c * count, start ? start[c] : 0, target);
      }
    }
  };
}

function supported({ inputs, outputs, attrs }: Placement): Geometry | undefined {
  if (!allFloat(inputs) || countOf(outputs[0]) === 0) return undefined;
  return geometryOf(inputs[0].shape, inputs[1].shape, outputs[0].shape, attrs as Conv2dAttrs);
}

/** Convolution: implicit im2col into a packed product, or a direct filter where it is depthwise. */
export const conv2d: FastKernel = {
  place(call) {
    const g = supported(call);
    if (!g) return undefined;
    return isDepthwise(g) ? (directForward(call, g, none) ?? depthwise(call, g)) : dense(call, g, none);
  },
  placeWith(call, epilogue) {
    const g = supported(call);
    if (!g) return undefined;
    return isDepthwise(g) ? directForward(call, g, epilogue) : dense(call, g, epilogue);
  },
  bound([, weight, bias]: readonly Meta[]) {
    const [, channels, kh, kw] = weight.shape;
    return { terms: channels * kh * kw + (bias ? 1 : 0) };
  },
};
