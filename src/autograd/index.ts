export { Tape, record } from "./tape.ts";
export { grad, valueAndGrad } from "./grad.ts";
