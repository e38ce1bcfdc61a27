import { type Arena, placeTasks, type Step, type Task } from "../../wasm/index.ts";
import type { Conv2dAttrs } from "../ops/conv2d.ts";
import type { Meta } from "../tensor.ts";
import { bandRows, bandsOf } from "./bands.ts";
import { type Geometry, stageImages } from "./conv2d.ts";
import { filterPlane, type Plane } from "./depthwise.ts";
import { directInputGrad } from "./depthwiseDirect.ts";
import {
  cuts,
  eachAlone,
  inTurn,
  multiplyStep,
  type Product,
  packsOf,
  piecesFor,
  rowsOfPart,
  type Workspace,
  workspaceOf,
  writeGrid,
  writeTable,
} from "./gemm.ts";
import type { Bound, FastKernel, Run } from "./index.ts";
import {
  type Argument,
  allFloat,
  type Block,
  countOf,
  type Epilogue,
  floatsOf,
  none,
  type Placement,
  perThread,
  type Region,
  type Room,
} from "./placement.ts";
import { type Layout, layoutOf, scatter, scatterStep } from "./plane.ts";

/**
 * One axis of one phase: input positions first, first + stride, ... and the taps that reach them, each with
 * the output position it reads for the first of them.
 */
interface AxisPhase {
  readonly first: number;
  readonly count: number;
  readonly taps: readonly { readonly tap: number; readonly from: number }[];
}

/** Input position y hears tap k from output position (y + padding - k dilation) / stride, where that is whole. */
function axisPhases(size: number, kernel: number, stride: number, padding: number, dilation: number): AxisPhase[] {
  return Array.from({ length: Math.min(stride, size) }, (_, first) => {
    const taps = Array.from({ length: kernel }, (_, tap) => ({ tap, from: (first + padding - tap * dilation) / stride }));
    return { first, count: Math.ceil((size - first) / stride), taps: taps.filter((t) => Number.isInteger(t.from)) };
  });
}

/** Zeros the gradient needs on one axis, [before, after], so that every tap of every phase may read it. */
function reach(phases: readonly AxisPhase[], size: number): [number, number] {
  let before = 0;
  let after = 0;
  for (const { count, taps } of phases) {
    for (const { from } of taps) {
      before = Math.max(before, -from);
      after = Math.max(after, from + count - size);
    }
  }
  return [before, after];
}

interface Phase {
  readonly y: AxisPhase;
  readonly x: AxisPhase;
  /** Offset inside a kernel and byte offset inside a padded gradient plane, per tap. */
  readonly taps: readonly { readonly weight: number; readonly from: number }[];
}

function phasesOf(g: Geometry): { phases: Phase[]; layout: Layout } {
  const [rows, columns] = [0, 1].map((d) =>
    axisPhases(d === 0 ? g.height : g.width, g.kernel[d]!, g.stride[d]!, g.padding[2 * d]!, g.dilation[d]!),
  ) as [AxisPhase[], AxisPhase[]];
  const vertical = reach(rows, g.out[0]);
  const horizontal = reach(columns, g.out[1]);
  const layout = layoutOf(g.out[0], g.out[1], [...vertical, ...horizontal], 1);
  const phases = rows.flatMap((y) =>
    columns.map((x) => ({
      ...{ y, x },
      taps: y.taps.flatMap((ty) =>
        x.taps.map((tx) => ({
          weight: ty.tap * g.kernel[1] + tx.tap,
          from: 4 * ((ty.from + layout.top) * layout.row + tx.from + layout.left),
        })),
      ),
    })),
  );
  return { phases, layout };
}

/** A phase's product with its packed weights, one pack per group. */
interface Prepared {
  readonly phase: Phase;
  readonly product: Product;
  readonly packs: readonly number[];
  readonly steps: readonly Step[];
  readonly space: Workspace;
}

function prepare(room: Room, g: Geometry, layout: Layout, phase: Phase, bandHeight: number, weight: Block): Prepared {
  const { taps, x } = phase;
  const rows = g.inChannels / g.groups;
  const area = g.kernel[0] * g.kernel[1];
  const terms = (g.outChannels / g.groups) * taps.length;
  const channelOf = (k: number) => Math.floor(k / taps.length);
  const product: Product = {
    ...{ rows, columns: bandHeight * x.count, terms },
    aRows: writeGrid(room, 1, 0, rows, 4 * area),
    aTerms: writeTable(room, terms, (k) => 4 * (channelOf(k) * rows * area + taps[k % taps.length].weight)),
    bColumns: writeGrid(room, bandHeight, 4 * layout.row, x.count, 4),
    bTerms: writeTable(room, terms, (k) => 4 * channelOf(k) * layout.size + taps[k % taps.length].from),
  };
  const groups = Array.from({ length: g.groups }, (_, group) => weight.address + 4 * group * (g.outChannels / g.groups) * rows * area);
  return { phase, product, space: workspaceOf(room, product), ...packsOf(room, product, groups, weight.constant) };
}

/** Puts the plane of a phase where it belongs in the plane at `target`. */
function place(arena: Arena, g: Geometry, { y, x }: Phase, tile: number, target: number): void {
  const to = target + 4 * (y.first * g.width + x.first);
  scatter(arena, to, 4 * g.stride[0] * g.width, 4 * g.stride[1], tile, 4 * x.count, y.count, x.count);
}

/** One band of one image and group: rows [y, y + count) of every phase. */
interface Band {
  readonly y: number;
  readonly count: number;
  readonly row: number;
  readonly rows: number;
  readonly group: number;
  /** Staged gradient. */
  readonly b: Argument;
  /** The group's first plane of the output, and one float for each plane, or 0. */
  readonly target: number;
  readonly start: number;
}

/** Steps that compute a band: straight into the output, or, where the phases interleave there, by way of a tile. */
function bandSteps(arena: Arena, g: Geometry, prepared: readonly Prepared[], tile: Argument, band: Band): Step[] {
  const { y: first, count, row, rows, group, b, target, start } = band;
  const size = g.height * g.width;
  const [down, across] = g.stride;
  return prepared.flatMap(({ phase: { x, y }, product, packs, space }) => {
    const high = Math.min(count, y.count - first);
    if (high <= 0) return [];
    const part = { row, rows, columns: high * x.count, a: packs[group]!, b, start };
    const at = target + 4 * (row * size + (y.first + first * down) * g.width + x.first);
    if (down === 1 && across === 1) return [multiplyStep(arena, product, space, { ...part, c: at, pitch: size })];
    const planes = { at, row: 4 * down * g.width, plane: 4 * size, column: 4 * across };
    return [
      multiplyStep(arena, product, space, { ...part, c: tile, pitch: part.columns }),
      scatterStep(arena, planes, { at: tile, row: 4 * x.count, plane: 4 * part.columns }, rows, high, x.count),
    ];
  });
}

/** Rows [y, y + count) of every phase of `planes` planes. */
function regionOf(g: Geometry, y: number, count: number, plane: number, planes: number): Region {
  const [first, end] = [y * g.stride[0], Math.min(g.height, (y + count) * g.stride[0])];
  const pitch = g.height * g.width;
  return { first: plane * pitch + first * g.width, count: (end - first) * g.width, rows: planes, pitch };
}

function dense(call: Placement, g: Geometry, epilogue: Epilogue): Run {
  const [gradient, weight, bias] = call.inputs;
  const { arena } = call;
  const { phases, layout: whole } = phasesOf(g);
  const [rows, channels] = [g.inChannels / g.groups, g.outChannels / g.groups];
  const pieces = piecesFor(arena, g.batch * g.groups);
  const bands = bandRows(phases[0]!.y.count, phases[0]!.x.count, pieces);
  const high = bands[0]![1];
  const reached = Math.max(0, ...phases.flatMap(({ y }) => y.taps.map(({ from }) => from + whole.top)));
  const { layout, stage } = bandsOf(call, { channels, height: g.out[0], width: g.out[1], layout: whole }, high + reached);
  const prepared = phases.map((phase) => prepare(call, g, layout, phase, high, weight));
  const parts = cuts(rows, rowsOfPart(rows, Math.ceil(pieces / bands.length)));
  const tile = perThread(call, 4 * rows * Math.max(...prepared.map(({ product }) => product.columns)));
  const tasks: Task[] = [];
  for (let i = 0; i < g.batch * g.groups; i++) {
    const group = i % g.groups;
    const target = call.outputs[0].address + 4 * i * rows * g.height * g.width;
    const start = bias ? bias.address + 4 * group * rows : 0;
    for (const [y, count] of bands) {
      const { steps, at: b } = stage(gradient.address + 4 * i * channels * g.out[0] * g.out[1], y);
      for (const [row, tall] of parts) {
        const band = bandSteps(arena, g, prepared, tile, { ...{ y, count, row, rows: tall }, group, b, target, start });
        tasks.push([...steps, ...band, ...epilogue(regionOf(g, y, count, i * rows + row, tall))]);
      }
    }
  }
  const packing = prepared.flatMap(({ steps }) => steps);
  const weights = packing.length === 0 ? 0 : g.outChannels * rows * g.kernel[0] * g.kernel[1];
  const cost = g.batch * g.outChannels * g.out[0] * g.out[1] * rows * g.kernel[0] * g.kernel[1];
  return inTurn(placeTasks(arena, eachAlone(packing), weights), placeTasks(arena, tasks, cost));
}

/** The weights of a phase, side by side for each channel. */
function pickWeights(room: Room, g: Geometry, { taps }: Phase, weight: Block): { weights: number; pick(): void } {
  const area = g.kernel[0] * g.kernel[1];
  const count = taps.length;
  const weights = room.table(4 * g.inChannels * count);
  const from = floatsOf(weight);
  const to = room.arena.f32.subarray(weights >> 2, (weights >> 2) + g.inChannels * count);
  const pick = (): void => {
    for (let i = 0; i < to.length; i++) to[i] = from[Math.floor(i / count) * area + taps[i % count].weight];
  };
  return { weights, pick };
}

function depthwise(call: Placement, g: Geometry): Run {
  const [gradient, weight, bias] = call.inputs;
  const { phases, layout } = phasesOf(g);
  const images = stageImages(call, gradient, g.outChannels, g.out[0], g.out[1], layout);
  const size = g.height * g.width;
  const prepared = phases.map((phase) => {
    const count = phase.taps.length;
    const taps = writeTable(call, count, (t) => phase.taps[t].from);
    const plane: Plane = { rowStep: 4 * layout.row, rows: phase.y.count, columns: phase.x.count, taps, count };
    return { phase, plane, ...pickWeights(call, g, phase, weight) };
  });
  const strided = g.stride[0] > 1 || g.stride[1] > 1;
  const tile = call.scratch(4 * size);
  const start = bias && floatsOf(bias);
  const output = call.outputs[0].address;
  const { arena } = call;
  const channel = (input: number, c: number, target: number): void => {
    for (const { phase, plane, weights } of prepared) {
      filterPlane(arena, plane, input, weights + 4 * c * plane.count, start ? start[c] : 0, strided ? tile : target);
      if (strided) place(arena, g, phase, tile, target);
    }
  };
  return () => {
    for (const { pick } of prepared) pick();
    for (let n = 0; n < g.batch; n++) {
      const image = images(n);
      for (let c = 0; c < g.inChannels; c++) channel(image + 4 * c * layout.size, c, output + 4 * (n * g.inChannels + c) * size);
    }
  };
}

function supported({ inputs, outputs, attrs }: Placement): Geometry | undefined {
  if (!allFloat(inputs) || countOf(outputs[0]) === 0) return undefined;
  return transposed(inputs[0].shape, inputs[1].shape, outputs[0].shape, attrs as Conv2dAttrs);
}

const isSingle = ({ groups, inChannels, outChannels }: Geometry): boolean =>
  groups > 1 && groups === inChannels && inChannels === outChannels;

function placeTransposed(call: Placement): Run | undefined {
  const g = supported(call);
  if (!g) return undefined;
  return isSingle(g) ? (directInputGrad(call, g, none) ?? depthwise(call, g)) : dense(call, g, none);
}

function placeTransposedWith(call: Placement, epilogue: Epilogue): Run | undefined {
  const g = supported(call);
  if (!g) return undefined;
  return isSingle(g) ? directInputGrad(call, g, epilogue) : dense(call, g, epilogue);
}

/** Terms of one sum: all taps of all output channels of a group. */
function boundOf(weight: readonly number[], groups: number, extra: number): Bound {
  return { terms: (weight[0]! / groups) * weight[2]! * weight[3]! + extra };
}

/**
 * Gradient of a convolution with respect to its input. Input positions are sorted by their remainder modulo the
 * stride; within such a phase the gradient is a stride-1 convolution with a subset of the taps.
 */
export const conv2dInputGrad: FastKernel = {
  place: placeTransposed,
  placeWith: placeTransposedWith,
  bound: ([, weight]: readonly Meta[], attrs) => boundOf(weight!.shape, (attrs as Conv2dAttrs).groups, 0),
};

/** Transposed convolution: the input gradient of the convolution with the same weight, plus a bias. */
export const convTranspose2d: FastKernel = {
  place: placeTransposed,
  placeWith: placeTransposedWith,
  bound: ([, weight, bias]: readonly Meta[], attrs) => boundOf(weight!.shape, (attrs as Conv2dAttrs).groups, bias ? 1 : 0),
};

/** Geometry of the forward convolution that maps `y` to `x`. */
function transposed(x: readonly number[], weight: readonly number[], y: readonly number[], attrs: Conv2dAttrs): Geometry {
  const [batch, inChannels, height, width] = y as [number, number, number, number];
  return {
    ...{ stride: attrs.stride, padding: attrs.padding, dilation: attrs.dilation, groups: attrs.groups },
    ...{ batch, inChannels, height, width, outChannels: weight[0]! },
    kernel: [weight[2]!, weight[3]!],
    out: [x[2]!, x[3]!],
  };
}
