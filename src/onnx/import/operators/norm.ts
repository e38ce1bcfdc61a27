import type { Operand } from "../../../graph/index.ts";
import { add, mean, mul, reshape, rsqrt, scalar, sizeOf, square, sub } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";

/** What a normalisation computes; `mean` and `factor` keep the axes as 1. */
interface Standard {
  readonly mean: Operand;
  /** 1 / sqrt(variance + epsilon). */
  readonly factor: Operand;
  /** (x - mean) factor. */
  readonly standard: Operand;
}

/** Mean 0 and variance 1 over the axes `dim`. */
function standardized(call: NodeCall, x: Operand, dim: readonly number[]): Standard {
  const over = { dim, keepdim: true };
  const epsilon = call.own("epsilon", scalar(call.attributes.float("epsilon", Math.fround(1e-5)), x.meta.dtype));
  const average = call.emit("mean", mean, [x], over);
  const center = call.emit("centered", sub, [x, average], {});
  const variance = call.emit("variance", mean, [call.emit("square", square, [center], {})], over);
  const factor = call.emit("factor", rsqrt, [call.emit("shifted", add, [variance, epsilon], {})], {});
  return { mean: average, factor, standard: call.emit("standard", mul, [center, factor], {}) };
}

/** The parameter at an input, as an operand that broadcasts along axis 1 of a tensor of `rank` axes. */
function alongChannels(call: NodeCall, index: number, count: number, rank: number, label: string): Operand {
  const p = call.input(index);
  if (p.meta.shape.length !== 1 || p.meta.shape[0] !== count) {
    call.fail(`${label} must have shape [${count}], got [${p.meta.shape.join(",")}]`);
  }
  return call.emit(label, reshape, [p], { shape: [count, ...new Array<number>(rank - 2).fill(1)] });
}

function scaleAndShift(call: NodeCall, x: Operand, scale: Operand, shift: Operand | undefined): void {
  if (!shift) call.write(mul, [x, scale], {});
  else call.write(add, [call.emit("scaled", mul, [x, scale], {}), shift], {});
}

const pictureOf = (call: NodeCall): Operand => {
  const x = call.input(0);
  if (x.meta.shape.length < 3) call.fail(`input must have at least 3 dimensions, got ${x.meta.shape.length}`);
  return x;
};

const instanceNormalization: OperatorRow = {
  type: "InstanceNormalization",
  build(call) {
    const x = pictureOf(call);
    const { shape } = x.meta;
    const { standard } = standardized(
      call,
      x,
      shape.map((_, i) => i).filter((i) => i > 1),
    );
    const [scale, shift] = ["scale", "shift"].map((label, i) => alongChannels(call, i + 1, shape[1], shape.length, label));
    scaleAndShift(call, standard, scale, shift);
  },
};

/** Scale and bias hold one number per group before opset 21 and one per channel since. */
const groupNormalization: OperatorRow = {
  type: "GroupNormalization",
  build(call) {
    call.attributes.ignore("stash_type");
    const x = pictureOf(call);
    const { shape } = x.meta;
    const groups = call.attributes.int("num_groups", 0);
    if (!(groups >= 1) || shape[1] % groups !== 0) call.fail(`num_groups must divide the ${shape[1]} channels, got ${groups}`);
    const width = sizeOf(shape) / (shape[0] * groups);
    const grouped = call.emit("groups", reshape, [x], { shape: [shape[0], groups, width] });
    const { standard } = standardized(call, grouped, [2]);
    if (call.opset < 21) {
      const [scale, shift] = ["scale", "shift"].map((label, i) => alongChannels(call, i + 1, groups, 3, label));
      const scaled = call.emit("scaled", mul, [standard, scale], {});
      return call.write(reshape, [call.emit("moved", add, [scaled, shift], {})], { shape });
    }
    const [scale, shift] = ["scale", "shift"].map((label, i) => alongChannels(call, i + 1, shape[1], shape.length, label));
    return scaleAndShift(call, call.emit("channels", reshape, [standard], { shape }), scale, shift);
  },
};

/** The mean and the factor may be outputs too. */
const layerNormalization: OperatorRow = {
  type: "LayerNormalization",
  build(call) {
    call.attributes.ignore("stash_type");
    const x = call.input(0);
    const rank = x.meta.shape.length;
    const axis = call.axis(call.attributes.int("axis", -1), rank);
    const {
      standard,
      mean: average,
      factor,
    } = standardized(
      call,
      x,
      x.meta.shape.map((_, i) => i).filter((i) => i >= axis),
    );
    if (call.writes(1)) call.alias(average, 1);
    if (call.writes(2)) call.alias(factor, 2);
    scaleAndShift(call, standard, call.input(1), call.optional(2));
  },
};

export const normRows: readonly OperatorRow[] = [instanceNormalization, groupNormalization, layerNormalization];
