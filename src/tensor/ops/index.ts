export { sigmoid, tanh } from "./unary.ts";
export { add, mul, sub } from "./binary.ts";
