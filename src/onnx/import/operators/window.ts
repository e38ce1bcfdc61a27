import type { NodeCall } from "../call.ts";

type Pair = [number, number];
/** top, bottom, left, right */
export type Pads = [number, number, number, number];

/** A two-number attribute, or its default on both axes. */
export function pairOf(call: NodeCall, attribute: string, fallback: number): Pair {
  const found = call.attributes.ints(attribute) ?? [fallback, fallback];
  if (found.length !== 2) call.fail(`${attribute} must have 2 entries, got ${found.length}`);
  if (found.some((v) => !(v >= fallback) || v > 65536)) call.fail(`${attribute} must be in ${fallback}..65536, got [${found.join(",")}]`);
  return [found[0], found[1]];
}

/** Padding in numbers, whether the file gives `pads` or one of the `auto_pad` modes. */
export function explicitPads(call: NodeCall, size: readonly number[], kernel: Pair, stride: Pair, dilation: Pair): Pads {
  const pads = call.attributes.ints("pads") ?? [0, 0, 0, 0];
  const mode = call.attributes.string("auto_pad", "NOTSET");
  if (pads.length !== 4) call.fail(`pads must have 4 entries, got ${pads.length}`);
  if (pads.some((v) => !(v >= 0) || v > 65536)) call.fail(`pads must be in 0..65536, got [${pads.join(",")}]`);
  if (mode === "NOTSET") return [pads[0], pads[2], pads[1], pads[3]];
  if (mode === "VALID") return [0, 0, 0, 0];
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") {
    call.fail(`auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got ${mode}`);
  }
  const result: Pads = [0, 0, 0, 0];
  for (const i of [0, 1]) {
    const steps = Math.ceil(size[i] / stride[i]);
    const total = Math.max(0, (steps - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - size[i]);
    const smaller = Math.floor(total / 2);
    result[2 * i] = mode === "SAME_UPPER" ? smaller : total - smaller;
    result[2 * i + 1] = total - result[2 * i];
  }
  return result;
}
