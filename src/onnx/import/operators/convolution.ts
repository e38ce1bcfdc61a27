import { conv2d, convTranspose2d, sizeOf } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import type { Operand } from "../operand.ts";
import { explicitPads, pairOf } from "./window.ts";

/** Checks what Conv and ConvTranspose share and reads their common attributes. */
function readCommon(call: NodeCall): {
  x: Operand;
  weight: Operand;
  bias: Operand[];
  groups: number;
  kernel: [number, number];
  stride: [number, number];
  dilation: [number, number];
} {
  const [x, weight, b] = [call.input(0), call.input(1), call.optional(2)];
  if (x.meta.shape.length !== 4 || weight.meta.shape.length !== 4) {
    call.fail(`input and weight must have 4 dimensions, got ${x.meta.shape.length} and ${weight.meta.shape.length}`);
  }
  const groups = call.attributes.int("group", 1);
  if (!(groups >= 1)) call.fail(`group must be at least 1, got ${groups}`);
  const kernel: [number, number] = [weight.meta.shape[2], weight.meta.shape[3]];
  const declared = call.attributes.ints("kernel_shape");
  if (declared && (declared[0] !== kernel[0] || declared[1] !== kernel[1])) {
    call.fail(`kernel_shape must equal the weight's [${kernel.join(",")}], got [${declared.join(",")}]`);
  }
  const stride = pairOf(call, "strides", 1);
  const dilation = pairOf(call, "dilations", 1);
  return { x, weight, bias: b && sizeOf(b.meta.shape) > 0 ? [b] : [], groups, kernel, stride, dilation };
}

const conv: OperatorRow = {
  type: "Conv",
  build(call) {
    const { x, weight, bias, groups, kernel, stride, dilation } = readCommon(call);
    const padding = explicitPads(call, x.meta.shape.slice(2), kernel, stride, dilation);
    call.write(conv2d, [x, weight, ...bias], { stride, padding, dilation, groups });
  },
};

const convTranspose: OperatorRow = {
  type: "ConvTranspose",
  build(call) {
    const { x, weight, bias, groups, kernel, stride, dilation } = readCommon(call);
    const extra = pairOf(call, "output_padding", 0);
    const shape = call.attributes.ints("output_shape");
    const mode = call.attributes.string("auto_pad", "NOTSET");
    const given = call.attributes.ints("pads") ?? [0, 0, 0, 0];
    const padding: [number, number, number, number] = [given[0], given[2], given[1], given[3]];
    if (shape || mode.startsWith("SAME")) {
      for (const i of [0, 1]) {
        const full = stride[i] * (x.meta.shape[2 + i] - 1) + extra[i] + (kernel[i] - 1) * dilation[i] + 1;
        const target = shape ? shape[shape.length - 2 + i] : x.meta.shape[2 + i] * stride[i];
        const total = full - target;
        if (total < 0) call.fail(`output_shape must not exceed ${full} on axis ${2 + i}, got ${target}`);
        const larger = total - Math.floor(total / 2);
        // The odd row goes to the end only where SAME_UPPER says so, as in the operator's definition.
        padding[2 * i] = mode === "SAME_UPPER" ? total - larger : larger;
        padding[2 * i + 1] = total - padding[2 * i];
      }
    } else if (mode === "VALID") padding.fill(0);
    else if (mode !== "NOTSET") call.fail(`auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got ${mode}`);
    call.write(convTranspose2d, [x, weight, ...bias], { stride, padding, dilation, groups, outputPadding: extra });
  },
};

export const convolutionRows: readonly OperatorRow[] = [conv, convTranspose];
