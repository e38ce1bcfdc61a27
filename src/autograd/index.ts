/** Recording what a function computes: gradients, Hessian products, and replays in planned memory. */

export { checkGradient, type GradientCheck } from "./check.ts";
export { type CompileOptions, compile, compileViews, type Replay } from "./compile.ts";
export { grad, hessianVectorProduct, valueAndGrad } from "./grad.ts";
export { Iteration, type IterationStep } from "./iteration.ts";
export { Program } from "./program.ts";
export { flatten, rebuild, type Tensors } from "./structure.ts";
export { record, Tape } from "./tape.ts";
