import { avgPool2d, maxPool2d, mean } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import { explicitPads, pairOf } from "./window.ts";

function readWindow(call: NodeCall) {
  const x = call.input(0);
  if (x.meta.shape.length !== 4) call.fail(`input must have 4 dimensions, got ${x.meta.shape.length}`);
  const kernel = pairOf(call, "kernel_shape", 1);
  const stride = pairOf(call, "strides", 1);
  const dilation = pairOf(call, "dilations", 1);
  const ceilMode = call.attributes.int("ceil_mode", 0) !== 0;
  const padding = explicitPads(call, x.meta.shape.slice(2), kernel, stride, dilation);
  return { x, kernel, stride, dilation, padding, ceilMode };
}

const maxPool: OperatorRow = {
  type: "MaxPool",
  build(call) {
    if (call.outputCount > 1) call.fail("only the pooled output is supported, got a file that reads the indices too");
    if (call.attributes.int("storage_order", 0) !== 0) call.fail("storage_order must be 0, got 1");
    const { x, ...window } = readWindow(call);
    call.write(maxPool2d, [x], window);
  },
};

const averagePool: OperatorRow = {
  type: "AveragePool",
  build(call) {
    const countIncludePad = call.attributes.int("count_include_pad", 0) !== 0;
    const { x, dilation, ...window } = readWindow(call);
    if (dilation.some((d) => d !== 1)) call.fail(`dilations must be 1, got [${dilation.join(",")}]`);
    call.write(avgPool2d, [x], { ...window, countIncludePad });
  },
};

const globalAveragePool: OperatorRow = {
  type: "GlobalAveragePool",
  build(call) {
    const x = call.input(0);
    const dim = x.meta.shape.map((_, i) => i).slice(2);
    call.write(mean, [x], { dim, keepdim: true });
  },
};

export const poolingRows: readonly OperatorRow[] = [maxPool, averagePool, globalAveragePool];
