import { ArgumentError } from "../../errors.ts";
import { shownValue } from "../../shown.ts";
import { requireRank } from "../require.ts";
import type { Tensor } from "../tensor.ts";
import { conv2d } from "./conv2d.ts";
import { squeeze, unsqueeze } from "./reshape.ts";

/** Padding takes one number or [before, after]; stride and dilation a number or a list of one. */
interface Conv1dOptions {
  readonly bias?: Tensor | undefined;
  readonly stride?: number | readonly number[] | undefined;
  readonly padding?: number | readonly number[] | undefined;
  readonly dilation?: number | readonly number[] | undefined;
  readonly groups?: number | undefined;
}

function single(name: string, value: number | readonly number[]): number {
  const list = [value].flat();
  if (list.length !== 1) throw new ArgumentError("conv1d", `${name} must be one integer, got ${shownValue(value)}`);
  return list[0];
}

function beforeAndAfter(value: number | readonly number[]): [number, number] {
  const list = [value].flat();
  if (list.length < 1 || list.length > 2) {
    throw new ArgumentError("conv1d", `padding must be one or two integers, got ${shownValue(value)}`);
  }
  return [list[0], list[list.length - 1]];
}

/**
 * Cross-correlation of x [N, Ci, L] with weight [Co, Ci/groups, k], plus bias [Co] → [N, Co, ol]: `conv2d` of height 1.
 * Errors: ShapeError or DTypeError where the operands do not fit, ArgumentError for options out of range.
 */
export function conv1d(x: Tensor, weight: Tensor, options: Conv1dOptions = {}): Tensor {
  const { bias, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  requireRank("conv1d", "x", x, 3);
  requireRank("conv1d", "weight", weight, 3);
  const [before, after] = beforeAndAfter(padding);
  const y = conv2d(unsqueeze(x, { dim: 2 }), unsqueeze(weight, { dim: 2 }), {
    bias,
    stride: [1, single("stride", stride)],
    padding: [0, 0, before, after],
    dilation: [1, single("dilation", dilation)],
    groups,
  });
  return squeeze(y, { dim: 2 });
}
