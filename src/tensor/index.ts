export { Tensor, cast, full, item, ones, scalar, tensor, viewAs, zeros, allocate, type Data, type DType, type Meta } from "./tensor.ts";
export { broadcastShapes, formatShape, normalizeAxis, sameShape, sizeOf, stridesOf } from "./shape.ts";
export { Rng, randn, uniform } from "./random.ts";
export { drawFrom, type Draw } from "./draw.ts";
export { bind, defineOp, listen, type AnyOp, type Call, type Listener, type Op, type OpDef, type OpEvent } from "./op.ts";
export { kernelPolicy, setKernelPolicy, withKernels, type KernelPolicy } from "./kernels/policy.ts";
export * from "./ops/index.ts";
