export { checkGradient, type GradientCheck } from "./check.ts";
export { grad, hessianVectorProduct, valueAndGrad } from "./grad.ts";
export { record, Tape } from "./tape.ts";
