import type { Operand } from "../../../graph/index.ts";
import { conv2d, convTranspose2d, sizeOf } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import { emitConv3d, emitConvTranspose3d } from "./volume.ts";
import { asPicture, type Geometry, geometryOf, perAxis, pictureWindow } from "./window.ts";

interface Convolution {
  readonly x: Operand;
  readonly weight: Operand;
  readonly bias: readonly Operand[];
  readonly groups: number;
  /** Sizes of the axes behind batch and channels. */
  readonly size: readonly number[];
  readonly kernel: readonly number[];
}

/** Checks what Conv and ConvTranspose share and reads their common attributes. */
function readCommon(call: NodeCall): Convolution {
  const b = call.optional(2);
  return { ...common(call, call.input(0), call.input(1)), bias: b && sizeOf(b.meta.shape) > 0 ? [b] : [] };
}

function common(call: NodeCall, x: Operand, weight: Operand): Omit<Convolution, "bias"> {
  const rank = x.meta.shape.length;
  if (rank < 3 || rank > 5 || weight.meta.shape.length !== rank) {
    call.fail(`input and weight must have 3, 4 or 5 dimensions, both as many, got ${rank} and ${weight.meta.shape.length}`);
  }
  const groups = call.attributes.int("group", 1);
  if (!(groups >= 1)) call.fail(`group must be at least 1, got ${groups}`);
  const kernel = weight.meta.shape.slice(2);
  const declared = call.attributes.ints("kernel_shape");
  if (declared?.some((k, i) => k !== kernel[i])) {
    call.fail(`kernel_shape must equal the weight's [${kernel.join(",")}], got [${declared.join(",")}]`);
  }
  return { x, weight, groups, size: x.meta.shape.slice(2), kernel };
}

/** [A, B, L] as [A, B, 1, L]. */
const raised = (call: NodeCall, label: string, { name, meta, ...rest }: Operand): Operand => {
  const [a, b, length] = meta.shape;
  return call.shaped(label, { name, meta, ...rest }, [a, b, 1, length]);
};

/** [N, C, 1, L] as [N, C, L]. */
const lowered = (call: NodeCall, y: Operand): Operand => {
  const [n, c, , length] = y.meta.shape;
  return call.shaped("line", y, [n, c, length]);
};

const conv: OperatorRow = {
  type: "Conv",
  build(call) {
    const read = readCommon(call);
    const { x, weight, bias, groups, size, kernel } = read;
    if (size.length !== 2) return call.settle(convolved(call, read));
    return call.write(conv2d, [x, weight, ...bias], { ...withoutKernel(geometryOf(call, size, kernel)), groups });
  },
};

/** A convolution over one, two or three axes. */
function convolved(call: NodeCall, { x, weight, bias, groups, size, kernel }: Convolution): Operand {
  const geometry = geometryOf(call, size, kernel);
  if (size.length === 3) return emitConv3d(call, x, weight, bias, geometry, groups);
  if (size.length === 2) return call.emit("picture", conv2d, [x, weight, ...bias], { ...withoutKernel(geometry), groups });
  const inputs = [raised(call, "picture", x), raised(call, "filters", weight), ...bias];
  return lowered(call, call.emit("row", conv2d, inputs, { ...withoutKernel(asPicture(geometry)), groups }));
}

/** A convolution of whole numbers in f64, which is exact: x and weight less their zero points, the bias in f64 too. */
export function convolvedWhole(call: NodeCall, x: Operand, weight: Operand, bias: readonly Operand[]): Operand {
  return convolved(call, { ...common(call, x, weight), bias });
}

function withoutKernel(geometry: Geometry): Omit<ReturnType<typeof pictureWindow>, "kernel"> {
  const { kernel: _, ...rest } = pictureWindow(geometry);
  return rest;
}

/** Pads, and rows added behind the output, from `pads`, `output_shape` or `auto_pad`. */
function transposed(call: NodeCall, { size, kernel }: Convolution): { geometry: Geometry; extra: readonly number[] } {
  const axes = size.length;
  const [stride, dilation] = [perAxis(call, "strides", 1, axes), perAxis(call, "dilations", 1, axes)];
  const extra = perAxis(call, "output_padding", 0, axes);
  const shape = call.attributes.ints("output_shape")?.slice(-axes);
  const mode = call.attributes.string("auto_pad", "NOTSET");
  const pads = call.attributes.ints("pads") ?? new Array<number>(2 * axes).fill(0);
  if (pads.length !== 2 * axes) call.fail(`pads must have ${2 * axes} entries, got ${pads.length}`);
  const [before, after] = [pads.slice(0, axes), pads.slice(axes)];
  if (shape || mode.startsWith("SAME")) {
    for (let i = 0; i < axes; i++) {
      const full = stride[i] * (size[i] - 1) + extra[i] + (kernel[i] - 1) * dilation[i] + 1;
      const total = full - (shape ? shape[i] : size[i] * stride[i]);
      // Rows beyond the full output hold the bias alone.
      extra[i] += Math.max(0, -total);
      const cut = Math.max(0, total);
      // The odd row goes to the end only where SAME_UPPER says so, as in the operator's definition.
      before[i] = mode === "SAME_UPPER" ? Math.floor(cut / 2) : Math.ceil(cut / 2);
      after[i] = cut - before[i];
    }
  } else if (mode === "VALID") {
    before.fill(0);
    after.fill(0);
  } else if (mode !== "NOTSET") call.fail(`auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got ${mode}`);
  return { geometry: { kernel, stride, dilation, before, after }, extra };
}

const convTranspose: OperatorRow = {
  type: "ConvTranspose",
  build(call) {
    const read = readCommon(call);
    const { x, weight, bias, groups, size } = read;
    const { geometry, extra } = transposed(call, read);
    if (size.length === 3) return call.settle(emitConvTranspose3d(call, x, weight, bias, { geometry, extra, groups }));
    if (size.length === 2) {
      const outputPadding = [extra[0], extra[1]] as const;
      return call.write(convTranspose2d, [x, weight, ...bias], { ...withoutKernel(geometry), groups, outputPadding });
    }
    const inputs = [raised(call, "picture", x), raised(call, "filters", weight), ...bias];
    const attrs = { ...withoutKernel(asPicture(geometry)), groups, outputPadding: [0, extra[0]] as const };
    return call.settle(lowered(call, call.emit("row", convTranspose2d, inputs, attrs)));
  },
};

export const convolutionRows: readonly OperatorRow[] = [conv, convTranspose];
