/** Immutable tensors over typed arrays, the ops on them, and what an op is. Below the ops lie the parts that fast kernels and recordings are made of. */

export { type Draw, drawFrom } from "./draw.ts";
export { bfloatToNumber, halfToNumber } from "./half.ts";
export { type Chain, chainEpilogue, chainOf, type ElementFormula, placeChain } from "./kernels/chain.ts";
export { formulaOf, placeCall, placeCallWith, runsInPlace, takesEpilogue } from "./kernels/dispatch.ts";
export { type FakeQuantPlaces, fakeQuantStep } from "./kernels/fakeQuant.ts";
export type { Run } from "./kernels/index.ts";
export { type ProductSize, productSteps } from "./kernels/matmul.ts";
export {
  type Argument,
  type Block,
  behind,
  type PerThread,
  type Placement,
  perThread,
  type Room,
  residentBlock,
  stepOf,
} from "./kernels/placement.ts";
export { type KernelPolicy, kernelPolicy, setKernelPolicy, withKernels } from "./kernels/policy.ts";
export { type AnyOp, bind, type Call, defineOp, isListened, type Listener, listen, type Op, type OpDef, type OpEvent } from "./op.ts";
export * from "./ops/index.ts";
export { Rng, randn, uniform } from "./random.ts";
export { roundHalfEven } from "./round.ts";
export { broadcastShapes, formatShape, normalizeAxis, sameShape, sizeOf, stridesOf } from "./shape.ts";
export {
  allocate,
  type Data,
  type DType,
  full,
  item,
  itemBytes,
  type Meta,
  type NestedNumbers,
  ones,
  Placeholder,
  scalar,
  Tensor,
  tensor,
  viewAs,
  zeros,
} from "./tensor.ts";
export type { Padding, PaddingOption, Pair, PairOption } from "./window.ts";
