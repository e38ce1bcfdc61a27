import { type Meta, Tensor } from "../tensor.ts";
import type { ElementFormula } from "./chain.ts";
import { kernels, type Run } from "./index.ts";
import { type Epilogue, isFlat, type Placement, runOnce } from "./placement.ts";
import { kernelPolicy } from "./policy.ts";

/** The fast kernel of an op under the policy in force. */
const kernelOf = (op: string) => (kernelPolicy() !== "reference" && Object.hasOwn(kernels, op) ? kernels[op] : undefined);

/** The outputs of a fast kernel, or undefined where the reference must run. */
export function accelerate(op: string, inputs: readonly Tensor[], attrs: unknown, outputs: readonly Meta[]): Tensor[] | undefined {
  const kernel = kernelOf(op);
  return kernel && runOnce(kernel, inputs, attrs, outputs);
}

/** The specification of an op as far as a placed call needs it. */
interface Specification {
  readonly name: string;
  reference(inputs: readonly Tensor[], attrs: unknown, outputs: readonly Tensor[]): void;
}

/** A call bound to blocks that stay: each run reads the inputs where they lie and writes the outputs. */
export function placeCall(def: Specification, call: Placement): Run {
  const { inputs, outputs, attrs } = call;
  const kernel = kernelOf(def.name);
  const fast = kernel?.place(call);
  if (fast && !kernel?.accepts) return fast;
  const [xs, ys] = [inputs, outputs].map((blocks) => blocks.map(({ shape, dtype, data }) => new Tensor(shape, dtype, data)));
  const reference = (): void => def.reference(xs, attrs, ys);
  return fast ? () => (kernel?.accepts?.(inputs, attrs) ? fast() : reference()) : reference;
}

/** Whether tasks of a call may go on with an epilogue. */
export const takesEpilogue = (op: string): boolean => kernelOf(op)?.placeWith !== undefined;

/** As `placeCall`, where each task ends with an epilogue; undefined where the kernel cannot do that for this call. */
export const placeCallWith = (def: Specification, call: Placement, epilogue: Epilogue): Run | undefined =>
  kernelOf(def.name)?.placeWith?.(call, epilogue);

/** Whether a call may write its output over any input of the same size. */
export function runsInPlace(op: string, inputs: readonly Meta[], attrs: unknown, outputs: readonly Meta[]): boolean {
  const kernel = kernelOf(op);
  return kernel !== undefined && isFlat(kernel, inputs, attrs, outputs);
}

/** A call as code on vectors, where it maps element to element: then it may be part of a chain. */
export function formulaOf(op: string, inputs: readonly Tensor[], attrs: unknown, outputs: readonly Tensor[]): ElementFormula | undefined {
  const [y] = outputs;
  const kernel = kernelOf(op);
  if (!kernel?.formula || y === undefined || y.size === 0) return undefined;
  return inputs.every((x) => x.size === y.size || x.size === 1) ? kernel.formula(inputs, attrs, outputs) : undefined;
}
