import type { Arena } from "../../wasm/index.ts";
import type { Conv2dAttrs } from "../ops/conv2d.ts";
import { sizeOf } from "../shape.ts";
import { type Meta, Tensor } from "../tensor.ts";
import { type Geometry, stageImages } from "./conv2d.ts";
import { filterPlane } from "./depthwise.ts";
import { allocatePacks, multiply, type Packs, type Product, packA, roundUp, writeGrid, writeTable } from "./gemm.ts";
import type { Bound, FastKernel } from "./index.ts";
import { copyRows, type Layout, layoutOf, scatter } from "./plane.ts";
import { floats, stage, staged } from "./staging.ts";

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
  readonly packs: readonly Packs[];
  readonly tile: number;
}

function prepare(arena: Arena, g: Geometry, layout: Layout, phase: Phase, weight: number): Prepared {
  const { taps, y, x } = phase;
  const rows = g.inChannels / g.groups;
  const area = g.kernel[0] * g.kernel[1];
  const terms = (g.outChannels / g.groups) * taps.length;
  const columns = y.count * x.count;
  const channelOf = (k: number) => Math.floor(k / taps.length);
  const product: Product = {
    ...{ rows, columns, terms },
    aRows: writeGrid(arena, 1, 0, rows, 4 * area),
    aTerms: writeTable(arena, terms, (k) => 4 * (channelOf(k) * rows * area + taps[k % taps.length]!.weight)),
    bColumns: writeGrid(arena, y.count, 4 * layout.row, x.count, 4),
    bTerms: writeTable(arena, terms, (k) => 4 * channelOf(k) * layout.size + taps[k % taps.length]!.from),
  };
  const packs = allocatePacks(arena, product, g.groups);
  packs.forEach((pack, group) => packA(arena, product, weight + 4 * group * (g.outChannels / g.groups) * rows * area, pack));
  return { phase, product, packs, tile: arena.allocate(4 * roundUp(rows, 4) * roundUp(columns, 8)) };
}

/** Puts the planes of a phase, `pitch` floats apart, where they belong in the planes at `target`. */
function place(arena: Arena, g: Geometry, { y, x }: Phase, tile: number, pitch: number, planes: number, target: number): void {
  const size = g.height * g.width;
  if (g.stride[0] === 1 && g.stride[1] === 1) {
    copyRows(arena, target, 4 * size, tile, 4 * pitch, planes, 4 * size);
    return;
  }
  for (let c = 0; c < planes; c++) {
    const to = target + 4 * (c * size + y.first * g.width + x.first);
    scatter(arena, to, 4 * g.stride[0] * g.width, 4 * g.stride[1], tile + 4 * c * pitch, 4 * x.count, y.count, x.count);
  }
}

function dense(arena: Arena, g: Geometry, gradient: Float32Array, weight: Float32Array, start: number, output: number): void {
  const { phases, layout } = phasesOf(g);
  const images = stageImages(arena, gradient, g.outChannels, g.out[0], g.out[1], layout);
  const weights = stage(arena, weight);
  const prepared = phases.map((phase) => prepare(arena, g, layout, phase, weights));
  const rows = g.inChannels / g.groups;
  const size = g.height * g.width;
  for (let n = 0; n < g.batch; n++) {
    const image = images(n);
    for (let group = 0; group < g.groups; group++) {
      const target = output + 4 * (n * g.inChannels + group * rows) * size;
      const from = image + 4 * group * (g.outChannels / g.groups) * layout.size;
      for (const { phase, product, packs, tile } of prepared) {
        const pitch = roundUp(product.columns, 8);
        const direct = product.columns === size && pitch === size;
        multiply(arena, product, from, direct ? target : tile, pitch, packs[group]!, start + 4 * group * rows);
        if (!direct) place(arena, g, phase, tile, pitch, rows, target);
      }
    }
  }
}

function depthwise(arena: Arena, g: Geometry, gradient: Float32Array, weight: Float32Array, start: Float32Array, output: number): void {
  const { phases, layout } = phasesOf(g);
  const images = stageImages(arena, gradient, g.outChannels, g.out[0], g.out[1], layout);
  const size = g.height * g.width;
  const area = g.kernel[0] * g.kernel[1];
  const prepared = phases.map((phase) => {
    const count = phase.taps.length;
    const picked = new Float32Array(g.inChannels * count);
    for (let i = 0; i < picked.length; i++) picked[i] = weight[Math.floor(i / count) * area + phase.taps[i % count]!.weight]!;
    const taps = writeTable(arena, count, (t) => phase.taps[t]!.from);
    return { phase, count, taps, weights: stage(arena, picked) };
  });
  const tile = arena.allocate(4 * (size + 16));
  const strided = g.stride[0] > 1 || g.stride[1] > 1;
  for (let n = 0; n < g.batch; n++) {
    const image = images(n);
    for (let c = 0; c < g.inChannels; c++) {
      const target = output + 4 * (n * g.inChannels + c) * size;
      for (const { phase, count, taps, weights } of prepared) {
        const plane = {
          input: image + 4 * c * layout.size,
          rowStep: 4 * layout.row,
          rows: phase.y.count,
          columns: phase.x.count,
          taps,
          count,
        };
        filterPlane(arena, plane, weights + 4 * c * count, start[c] ?? 0, strided ? tile : target);
        if (strided) place(arena, g, phase, tile, plane.rows * plane.columns, 1, target);
      }
    }
  }
}

function run(g: Geometry, gradient: Float32Array, weight: Float32Array, bias: Float32Array | undefined, meta: Meta): Tensor[] | undefined {
  const size = sizeOf(meta.shape);
  if (size === 0) return undefined;
  const start = new Float32Array(g.inChannels + 4);
  if (bias) start.set(bias);
  const { groups, inChannels, outChannels } = g;
  return staged((arena) => {
    const output = arena.allocate(4 * (size + 4 * roundUp(g.height * g.width, 8) + 16));
    if (groups > 1 && groups === inChannels && inChannels === outChannels) depthwise(arena, g, gradient, weight, start, output);
    else dense(arena, g, gradient, weight, stage(arena, start), output);
    return [new Tensor(meta.shape, "f32", arena.read(output, size))];
  });
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
  run(inputs, attrs, [meta]) {
    const arrays = floats(inputs);
    if (!arrays) return undefined;
    return run(transposed(inputs[0]!.shape, inputs[1]!.shape, meta!.shape, attrs as Conv2dAttrs), arrays[0]!, arrays[1]!, undefined, meta!);
  },
  bound: ([, weight]: readonly Meta[], attrs) => boundOf(weight!.shape, (attrs as Conv2dAttrs).groups, 0),
};

/** Transposed convolution: the input gradient of the convolution with the same weight, plus a bias. */
export const convTranspose2d: FastKernel = {
  run(inputs, attrs, [meta]) {
    const arrays = floats(inputs);
    if (!arrays) return undefined;
    return run(transposed(inputs[0]!.shape, inputs[1]!.shape, meta!.shape, attrs as Conv2dAttrs), arrays[0]!, arrays[1]!, arrays[2], meta!);
  },
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
