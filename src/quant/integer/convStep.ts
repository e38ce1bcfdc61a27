import { type Arena, placeTasks, type Task } from "../../wasm/index.ts";
import { type Filter, filterBytes, filterOf, isDirect, packFilters, planeBytes, widenOf } from "./depthwise.ts";
import { finishOf, TAIL_BYTES } from "./epilogue.ts";
import { type Finish, isGrid, recordBytes, writeRecords } from "./finishRecord.ts";
import {
  BLOCK_COLUMNS,
  blockColumns,
  type Multiply,
  multiplyOf,
  type Product,
  packRows,
  pairBlocks,
  roundUp,
  scratchBytes,
  sumBytes,
} from "./gemm.ts";
import { entryOf, isSigned } from "./grid.ts";
import type { IntegerLayer } from "./integerLayer.ts";
import { lookupOf } from "./lookup.ts";
import { floatBytes, releaseFloats, targetsOf } from "./outputs.ts";
import { borderOf, hasBorder, padPlanes } from "./pad.ts";
import { packShifts, shiftOf } from "./shift.ts";
import { blocks, type Draft, type Value } from "./step.ts";

/** Sizes of one image's convolution. */
interface Geometry {
  readonly inChannels: number;
  readonly height: number;
  readonly width: number;
  readonly outChannels: number;
  readonly kernel: readonly [number, number];
  readonly out: readonly [number, number];
  readonly pixels: number;
}

function geometryOf({ weightShape }: IntegerLayer, input: Value, output: readonly number[]): Geometry {
  const [, inChannels, height, width] = input.shape;
  const out = [output[2], output[3]] as const;
  return { inChannels, height, width, outChannels: weightShape[0], kernel: [weightShape[2], weightShape[3]], out, pixels: out[0] * out[1] };
}

/** The tables of a model by what they hold: layers of equal geometry share theirs. */
export type Tables = Map<string, Int32Array>;

function tableOf(tables: Tables, key: string, make: () => Int32Array): Int32Array {
  const found = tables.get(key) ?? make();
  tables.set(key, found);
  return found;
}

/**
 * The step of an integer convolution: codes in, every form the readers of `writes` want out, in one pass behind the sums.
 * Depthwise layers of horizontal stride 1 and 2 filter their planes directly, everything else is a packed product.
 */
export function convStep(
  layer: IntegerLayer,
  finish: Finish,
  read: Value,
  writes: readonly Value[],
  outShape: readonly number[],
  tables: Tables,
): Draft {
  const geometry = geometryOf(layer, read, outShape);
  const direct = layer.layer.depthwise && isDirect(layer.attrs) && !layer.shifts;
  return (direct ? depthwiseDraft : denseDraft)(layer, geometry, { finish: withLookup(layer, finish), read, writes }, tables);
}

/** Codes of one grid behind an activation are looked up where its inputs allow it. */
function withLookup({ channels, input, weight }: IntegerLayer, finish: Finish): Finish {
  const [form] = finish.forms;
  const { curve } = finish.activation;
  if (!curve || !isGrid(form) || finish.forms.length > 1) return finish;
  const terms = weight.length / channels.length;
  const widest = input.zeroPoint.reduce((most, z) => Math.max(most, z - input.qmin, input.qmax - z), 0);
  const reaches = channels.map(({ codes, multiplier, real }, c) => {
    let size = 0;
    for (let k = c * terms; k < (c + 1) * terms; k++) size += Math.abs(weight[k]);
    return (size * widest + Math.abs(codes)) * multiplier + Math.abs(real);
  });
  const shift = channels.reduce((most, { real }) => Math.max(most, Math.abs(real)), 0);
  const lookup = lookupOf(curve, form, Math.max(...reaches), shift);
  return lookup ? { ...finish, lookup } : finish;
}

/** What a layer reads and what it leaves. */
interface Ends {
  readonly finish: Finish;
  readonly read: Value;
  readonly writes: readonly Value[];
}

/** Room for the channels' records, and the table of codes. */
const ending = (layer: IntegerLayer, { finish }: Ends): Uint8Array[] => [
  new Uint8Array(recordBytes(finish) * layer.channels.length),
  finish.lookup?.codes ?? new Uint8Array(0),
];

function depthwiseDraft(layer: IntegerLayer, g: Geometry, ends: Ends): Draft {
  const { attrs, input } = layer;
  const { finish, read, writes } = ends;
  const border = borderOf(g.height, g.width, attrs.padding);
  const filter: Filter = { kernel: g.kernel, stride: attrs.stride, dilation: attrs.dilation, row: 2 * border.row };
  const rows = border.plane / border.row;
  const sizes = [planeBytes(rows, filter.row), 4 * g.pixels + 32, TAIL_BYTES * finish.forms.length];
  const perInput = g.outChannels / g.inChannels;
  return {
    ...{ name: layer.layer.name, kind: "depthwise", reads: [read], writes },
    constants: [packFilters(Int16Array.from(layer.weight), g.outChannels, filter), ...ending(layer, ends)],
    scratch: floatBytes(writes),
    own: blocks(0, sizes).bytes,
    bind(memory) {
      const { arena, u8, constants, own, scratch: floatOut } = memory;
      const [weights, records, codeTable] = constants;
      const [plane, sums, tail] = blocks(own.address, sizes).addresses;
      writeRecords(arena, records, finish, layer.channels, codeTable);
      const done = finishOf(arena, finish, { records, tail, targets: targetsOf(writes, memory, g.pixels, floatOut), threadStep: own.step });
      const widen = widenOf(arena, isSigned(input));
      const sum = filterOf(arena, filter);
      const source = memory.at(read);
      const first = plane + border.top * filter.row + 2 * border.left;
      const taskOf = (from: number): Task => [
        {
          entry: widen,
          args: [source + from * g.height * g.width, g.height, g.width, entryOf(input.zeroPoint, from), first, filter.row],
          perThread: [0, 0, 0, 0, own.step, 0],
        },
        ...Array.from({ length: perInput }, (_, i) => from * perInput + i).flatMap((channel) => [
          {
            entry: sum,
            args: [plane, weights + channel * filterBytes(filter), g.out[0], g.out[1], sums],
            perThread: [own.step, 0, 0, 0, own.step],
          },
          done({ address: sums, pitch: 0, rows: 1, columns: g.pixels, channel, pixel: 0 }),
        ]),
      ];
      const cost = g.outChannels * g.pixels * g.kernel[0] * g.kernel[1];
      const run = placeTasks(
        arena,
        Array.from({ length: g.inChannels }, (_, from) => taskOf(from)),
        cost,
      );
      return (floats) => {
        // Only the border must be zero, but all steps share this scratch.
        for (let thread = 0; thread < arena.threads; thread++) u8.fill(0, plane + thread * own.step, plane + thread * own.step + sizes[0]);
        run();
        releaseFloats(writes, memory, floats, floatOut);
      };
    },
  };
}

/** Packed weights of all groups, side by side, and what multiplies with those of one. */
interface PackedWeights {
  readonly data: Int16Array | Int32Array;
  /** Byte offset of a group. */
  readonly starts: readonly number[];
  multiply(arena: Arena, signed: boolean, threadStep: number, group: number): Multiply;
}

function packGroups({ weight, shifts, attrs: { groups } }: IntegerLayer, rows: number, terms: number): PackedWeights {
  const part = (group: number): [number, number] => [group * rows * terms, (group + 1) * rows * terms];
  const each = <T>(pack: (group: number) => T): T[] => Array.from({ length: groups }, (_, group) => pack(group));
  if (shifts) {
    const packed = each((group) => packShifts(Int32Array.from(weight.subarray(...part(group))), rows, terms));
    const multiply = (arena: Arena, signed: boolean, threadStep: number, group: number) =>
      shiftOf(arena, signed, threadStep, packed[group].starts);
    return {
      ...sideBySide(
        packed.map((p) => p.stream),
        (length) => new Int32Array(length),
      ),
      multiply,
    };
  }
  const packed = each((group) => packRows(Int16Array.from(weight.subarray(...part(group))), rows, terms));
  return { ...sideBySide(packed, (length) => new Int16Array(length)), multiply: multiplyOf };
}

function sideBySide<T extends Int16Array | Int32Array>(parts: readonly T[], make: (length: number) => T): Omit<PackedWeights, "multiply"> {
  const data = make(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  const starts = parts.map((p) => {
    data.set(p, at);
    at += p.length;
    return (at - p.length) * data.BYTES_PER_ELEMENT;
  });
  return { data, starts };
}

/** Two byte offsets per pair of terms: where the codes under the pixel's window lie, from that under its first tap. */
function pairTable(g: Geometry, { attrs }: IntegerLayer, row: number, plane: number, terms: number): Int32Array {
  const taps = g.kernel[0] * g.kernel[1];
  const offset = (term: number): number => {
    const tap = term % taps;
    const [ky, kx] = [Math.floor(tap / g.kernel[1]), tap % g.kernel[1]];
    return Math.floor(term / taps) * plane + ky * attrs.dilation[0] * row + kx * attrs.dilation[1];
  };
  // The partner of an odd last term meets a weight of 0: any readable code will do.
  return Int32Array.from({ length: 2 * Math.ceil(terms / 2) }, (_, i) => offset(Math.min(i, terms - 1)));
}

/** Byte offset of each output pixel's first tap, continued to whole blocks of eight. */
function pixelTable(g: Geometry, { attrs }: IntegerLayer, row: number): Int32Array {
  return Int32Array.from({ length: roundUp(g.pixels, 8) }, (_, i) => {
    const pixel = Math.min(i, g.pixels - 1);
    const past = i - pixel;
    return Math.floor(pixel / g.out[1]) * attrs.stride[0] * row + (pixel % g.out[1]) * attrs.stride[1] + past;
  });
}

function denseDraft(layer: IntegerLayer, g: Geometry, ends: Ends, tables: Tables): Draft {
  const { attrs, input } = layer;
  const { finish, read, writes } = ends;
  const border = borderOf(g.height, g.width, attrs.padding);
  const padded = hasBorder(border);
  const [rows, inputs] = [g.outChannels / attrs.groups, g.inChannels / attrs.groups];
  const terms = inputs * g.kernel[0] * g.kernel[1];
  const pairs = Math.ceil(terms / 2);
  const shape = `${border.row} ${border.plane} ${attrs.dilation}`;
  const pixels = tableOf(tables, `pixels ${border.row} ${attrs.stride} ${g.out}`, () => pixelTable(g, layer, border.row));
  const pairOffsets = tableOf(tables, `pairs ${shape} ${g.kernel} ${terms}`, () => pairTable(g, layer, border.row, border.plane, terms));
  const paddedBytes = padded ? g.inChannels * border.plane : 0;
  const sizes = [paddedBytes, floatBytes(writes)];
  const ownSizes = [scratchBytes(pairs), sumBytes(rows), TAIL_BYTES * finish.forms.length];
  const packed = packGroups(layer, rows, terms);
  return {
    ...{ name: layer.layer.name, kind: layer.shifts ? "shift" : "conv", reads: [read], writes },
    constants: [packed.data, pairOffsets, pixels, ...ending(layer, ends)],
    scratch: blocks(0, sizes).bytes,
    own: blocks(0, ownSizes).bytes,
    bind(memory) {
      const { arena, u8, constants, own } = memory;
      const [weights, offsets, table, records, codeTable] = constants;
      const [planes, floatOut] = blocks(memory.scratch, sizes).addresses;
      const [scratch, sums, tail] = blocks(own.address, ownSizes).addresses;
      writeRecords(arena, records, finish, layer.channels, codeTable);
      const done = finishOf(arena, finish, { records, tail, targets: targetsOf(writes, memory, g.pixels, floatOut), threadStep: own.step });
      const source = memory.at(read);
      const places = { rows, blocks: pairBlocks(pairs), pairTable: offsets, scratch, sums };
      const codes = padded ? planes : source;
      const step = blockColumns(g.pixels);
      const tasks: Task[] = [];
      for (let group = 0; group < attrs.groups; group++) {
        // Channel scales occur where every group has one input channel.
        const zeroPoint = entryOf(input.zeroPoint, group);
        const product: Product = { ...places, packed: weights + packed.starts[group] };
        const multiply = packed.multiply(arena, isSigned(input), own.step, group);
        for (let pixel = 0; pixel < g.pixels; pixel += step) {
          const columns = Math.min(step, g.pixels - pixel);
          tasks.push([
            ...multiply(product, codes + group * inputs * border.plane, table + 4 * pixel, columns, zeroPoint),
            done({ address: sums, pitch: 4 * BLOCK_COLUMNS, rows, columns, channel: group * rows, pixel }),
          ]);
        }
      }
      const run = placeTasks(arena, tasks, g.outChannels * g.pixels * terms);
      return (floats) => {
        if (padded) padPlanes(arena, u8, source, g.inChannels, border, (c) => entryOf(input.zeroPoint, c), planes);
        run();
        releaseFloats(writes, memory, floats, floatOut);
      };
    },
  };
}
