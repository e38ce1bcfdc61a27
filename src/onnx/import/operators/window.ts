import type { Padding, Pair } from "../../../tensor/index.ts";
import type { NodeCall } from "../call.ts";

/** A window that slides over the axes behind batch and channels: one number an axis. */
export interface Geometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** An attribute of one number an axis, or its default on all of them. */
export function perAxis(call: NodeCall, attribute: string, fallback: number, axes: number): number[] {
  const found = call.attributes.ints(attribute) ?? new Array<number>(axes).fill(fallback);
  if (found.length !== axes) call.fail(`${attribute} must have ${axes} entries, got ${found.length}`);
  if (found.some((v) => !(v >= fallback) || v > 65536)) call.fail(`${attribute} must be in ${fallback}..65536, got [${found.join(",")}]`);
  return found;
}

/** The geometry of a window over axes of these sizes, whether the file gives `pads` or one of the `auto_pad` modes. */
export function geometryOf(call: NodeCall, size: readonly number[], kernel: readonly number[]): Geometry {
  const axes = size.length;
  const stride = perAxis(call, "strides", 1, axes);
  const dilation = perAxis(call, "dilations", 1, axes);
  const pads = call.attributes.ints("pads") ?? new Array<number>(2 * axes).fill(0);
  const mode = call.attributes.string("auto_pad", "NOTSET");
  if (pads.length !== 2 * axes) call.fail(`pads must have ${2 * axes} entries, got ${pads.length}`);
  if (pads.some((v) => !(v >= 0) || v > 65536)) call.fail(`pads must be in 0..65536, got [${pads.join(",")}]`);
  if (mode === "NOTSET") return { kernel, stride, dilation, before: pads.slice(0, axes), after: pads.slice(axes) };
  if (mode !== "VALID" && mode !== "SAME_UPPER" && mode !== "SAME_LOWER") {
    call.fail(`auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got ${mode}`);
  }
  const totals = size.map((d, i) => {
    const steps = Math.ceil(d / stride[i]);
    return mode === "VALID" ? 0 : Math.max(0, (steps - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - d);
  });
  const before = totals.map((total) => (mode === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2)));
  return { kernel, stride, dilation, before, after: totals.map((total, i) => total - before[i]) };
}

/** A window over one axis as one over a picture of one row. */
export const asPicture = ({ kernel, stride, dilation, before, after }: Geometry): Geometry => ({
  kernel: [1, ...kernel],
  stride: [1, ...stride],
  dilation: [1, ...dilation],
  before: [0, ...before],
  after: [0, ...after],
});

/** A window over two axes as our ops of pictures take it. */
export const pictureWindow = ({
  kernel: [kh, kw],
  stride: [sh, sw],
  dilation: [dh, dw],
  before,
  after,
}: Geometry): { kernel: Pair; stride: Pair; dilation: Pair; padding: Padding } => ({
  kernel: [kh, kw],
  stride: [sh, sw],
  dilation: [dh, dw],
  padding: [before[0], after[0], before[1], after[1]],
});

/** The last two axes of a window over three, and the first alone as the rows of a picture. */
export function splitVolume({ kernel, stride, dilation, before, after }: Geometry): { plane: Geometry; depth: Geometry } {
  const cut = (from: number, to: number): Geometry => ({
    kernel: kernel.slice(from, to),
    stride: stride.slice(from, to),
    dilation: dilation.slice(from, to),
    before: before.slice(from, to),
    after: after.slice(from, to),
  });
  const { kernel: k, stride: s, dilation: d, before: b, after: a } = cut(0, 1);
  return { plane: cut(1, 3), depth: { kernel: [...k, 1], stride: [...s, 1], dilation: [...d, 1], before: [...b, 0], after: [...a, 0] } };
}
