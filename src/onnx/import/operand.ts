export { type Codes, constant, type Operand } from "../../graph/index.ts";
