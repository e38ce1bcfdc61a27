import { ArgumentError, ShapeError } from "../errors.ts";
import { shownValue } from "../shown.ts";
import { formatShape } from "./shape.ts";

/** Height and width. */
export type Pair = readonly [number, number];
/** Top, bottom, left, right. */
export type Padding = readonly [number, number, number, number];

/** A number for both axes, or one for each. */
export type PairOption = number | readonly number[];
/** One number, [vertical, horizontal], or [top, bottom, left, right]. */
export type PaddingOption = number | readonly number[];

export function toPair(op: string, name: string, value: PairOption, least = 1): Pair {
  const [h, w] = typeof value === "number" ? [value, value] : value;
  const ok = (typeof value === "number" || value.length === 2) && [h, w].every((v) => Number.isInteger(v) && v >= least);
  if (!ok) throw new ArgumentError(op, `${name} must be an integer or a pair of integers >= ${least}, got ${shownValue(value)}`);
  return [h, w];
}

export function toPadding(op: string, value: PaddingOption): Padding {
  const list =
    typeof value === "number" ? [value, value, value, value] : value.length === 2 ? [value[0], value[0], value[1], value[1]] : value;
  if (list.length !== 4 || !list.every((v) => Number.isInteger(v) && v >= 0)) {
    throw new ArgumentError(op, `padding must be one, two or four integers >= 0, got ${shownValue(value)}`);
  }
  return [list[0], list[1], list[2], list[3]];
}

/** A window that slides over a padded axis pair. */
export interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
  readonly dilation: Pair;
  readonly ceilMode?: boolean;
}

/**
 * Number of window positions on each axis. With `ceilMode` a last, partial window counts if it
 * starts inside the input or its leading padding. Errors: ShapeError where no window fits.
 */
export function windowCount(op: string, size: Pair, w: Window): [number, number] {
  const count = [0, 1].map((axis) => {
    const before = w.padding[2 * axis];
    const room = size[axis] + before + w.padding[2 * axis + 1] - w.dilation[axis] * (w.kernel[axis] - 1) - 1;
    if (room < 0) {
      throw new ShapeError(
        op,
        `the window must fit into the padded input, got input ${formatShape(size)}, kernel ${formatShape(w.kernel)}, padding ${formatShape(w.padding)}, dilation ${formatShape(w.dilation)}`,
      );
    }
    if (!w.ceilMode) return Math.floor(room / w.stride[axis]) + 1;
    const steps = Math.ceil(room / w.stride[axis]);
    return steps * w.stride[axis] >= size[axis] + before ? steps : steps + 1;
  });
  return [count[0], count[1]];
}
