import type { TfCall } from "../call.ts";

type Pair = [number, number];
/** top, bottom, left, right */
export type Pads = [number, number, number, number];

/** Height and width of a four-number attribute such as strides [1,h,w,1]; 1 and 1 where it is absent. */
export function spatialPair(call: TfCall, attribute: string): Pair {
  const all = call.attributes.ints(attribute);
  if (!all || all.length === 0) return [1, 1];
  if (all.length !== 4 || all[0] !== 1 || all[3] !== 1 || all.some((v) => !(v >= 1) || v > 65536))
    call.fail(`${attribute} must be [1,h,w,1] with whole numbers in 1..65536, got [${all.join(",")}]`);
  return [all[1], all[2]];
}

/** TensorFlow's SAME: ceil(size / stride) windows, the odd row of padding at the end. */
export function samePads(size: readonly number[], kernel: Pair, stride: Pair, dilation: Pair): Pads {
  const result: Pads = [0, 0, 0, 0];
  for (const i of [0, 1]) {
    const steps = Math.ceil(size[i] / stride[i]);
    const total = Math.max(0, (steps - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - size[i]);
    result[2 * i] = Math.floor(total / 2);
    result[2 * i + 1] = total - result[2 * i];
  }
  return result;
}

/** Padding in numbers, whether the file says SAME, VALID or EXPLICIT. */
export function windowPads(call: TfCall, size: readonly number[], kernel: Pair, stride: Pair, dilation: Pair): Pads {
  const format = call.attributes.string("data_format", "NHWC");
  if (format !== "NHWC") call.fail(`data_format must be NHWC, got ${format}`);
  const mode = call.attributes.string("padding", "VALID");
  if (mode === "VALID") return [0, 0, 0, 0];
  if (mode === "SAME") return samePads(size, kernel, stride, dilation);
  if (mode !== "EXPLICIT") call.fail(`padding must be SAME, VALID or EXPLICIT, got ${mode}`);
  const all = call.attributes.ints("explicit_paddings") ?? [];
  if (all.length !== 8 || all.some((v) => !(v >= 0) || v > 65536))
    call.fail(`explicit_paddings must be 8 numbers in 0..65536, got [${all.join(",")}]`);
  return [all[2], all[3], all[4], all[5]];
}
