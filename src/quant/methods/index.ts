export { type InlierqOptions, inlierq } from "./inlierq.ts";
export { minmax } from "./minmax.ts";
export { type MseOptions, mse } from "./mse.ts";
