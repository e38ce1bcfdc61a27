export { checkGradient, type GradientCheck } from "./check.ts";
export { type CompileOptions, compile, compileViews, type Tensors } from "./compile.ts";
export { grad, hessianVectorProduct, valueAndGrad } from "./grad.ts";
export { Program } from "./program.ts";
export { record, Tape } from "./tape.ts";
