import type { Operand } from "../../graph/index.ts";
import { reshape, slice } from "../../tensor/index.ts";
import type { OperatorRow, TfCall } from "../call.ts";
import { planeAxis } from "../held.ts";

/** One axis of a slice, within [0, length]. */
interface Range {
  readonly dim: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Takes the ranges that shorten their axis one after the other. */
function sliced(call: TfCall, x: Operand, ranges: readonly Range[]): Operand {
  return ranges
    .filter(({ dim, start, end, step }) => start !== 0 || end !== x.meta.shape[dim] || step !== 1)
    .reduce((current, range) => call.emit(`axis${range.dim}`, slice, [current], range), x);
}

/** Writes the sliced tensor in the order the input is held in. */
function writeSliced(call: TfCall, ranges: readonly Range[]): void {
  if (call.held(0).prefersPlanes) {
    const y = sliced(
      call,
      call.planes(0),
      ranges.map((r) => ({ ...r, dim: planeAxis(r.dim) })),
    );
    call.writePlanes(reshape, [y], { shape: y.meta.shape });
  } else {
    const y = sliced(call, call.rows(0), ranges);
    call.write(reshape, [y], { shape: y.meta.shape });
  }
}

/** Begin and size; a size of -1 reaches to the end. */
const sliceRow: OperatorRow = {
  op: "Slice",
  build(call) {
    const { shape } = call.held(0).meta;
    const [begin, size] = [call.numbers(1), call.numbers(2)];
    if (begin.length !== shape.length || size.length !== shape.length)
      call.fail(`begin and size must have ${shape.length} entries, got ${begin.length} and ${size.length}`);
    const ranges = begin.map((start, dim) => ({ dim, start, end: size[dim] === -1 ? shape[dim] : start + size[dim], step: 1 }));
    for (const { dim, start, end } of ranges) {
      if (!(start >= 0 && end >= start && end <= shape[dim]))
        call.fail(`axis ${dim} must be cut within 0..${shape[dim]}, got ${start}..${end}`);
    }
    writeSliced(call, ranges);
  },
};

const bit = (mask: number, i: number): boolean => ((mask >> i) & 1) === 1;

/** NumPy's slices: masks say which bounds are open, which axes are picked (and vanish) and where new axes come. */
const stridedSlice: OperatorRow = {
  op: "StridedSlice",
  build(call) {
    const { shape } = call.held(0).meta;
    const [begins, ends, steps] = [call.numbers(1), call.numbers(2), call.numbers(3)];
    const mask = (name: string): number => call.attributes.int(name, 0);
    if (mask("ellipsis_mask") !== 0) call.fail("ellipsis_mask must be 0, got another number");
    const [beginMask, endMask, shrink, fresh] = ["begin_mask", "end_mask", "shrink_axis_mask", "new_axis_mask"].map(mask);
    const ranges: Range[] = [];
    const result: number[] = [];
    begins.forEach((begin, i) => {
      if (bit(fresh, i)) return void result.push(1);
      const dim = ranges.length;
      const length = shape[dim] ?? call.fail(`at most ${shape.length} axes must be cut, got ${begins.length}`);
      const range = bit(shrink, i)
        ? picked(call, begin, length, dim)
        : { dim, ...bounds(call, length, bit(beginMask, i) ? 0 : begin, bit(endMask, i) ? length : ends[i], steps[i]) };
      ranges.push(range);
      if (!bit(shrink, i)) result.push(Math.ceil((range.end - range.start) / range.step));
    });
    result.push(...shape.slice(ranges.length));
    if (shrink === 0 && fresh === 0) return writeSliced(call, ranges);
    return call.write(reshape, [sliced(call, call.rows(0), ranges)], { shape: result });
  },
};

function picked(call: TfCall, at: number, length: number, dim: number): Range {
  const start = at < 0 ? at + length : at;
  if (!(start >= 0 && start < length)) call.fail(`index ${at} must lie in axis ${dim} of ${length}`);
  return { dim, start, end: start + 1, step: 1 };
}

function bounds(call: TfCall, length: number, from: number, to: number, step: number): { start: number; end: number; step: number } {
  if (!(step >= 1)) call.fail(`strides must be at least 1, got ${step}`);
  const clip = (v: number): number => Math.min(Math.max(v < 0 ? v + length : v, 0), length);
  const start = clip(from);
  return { start, end: Math.max(start, clip(to)), step };
}

export const slicingRows: readonly OperatorRow[] = [sliceRow, stridedSlice];
