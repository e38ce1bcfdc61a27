export { grad, valueAndGrad } from "./grad.ts";
export { record, Tape } from "./tape.ts";
