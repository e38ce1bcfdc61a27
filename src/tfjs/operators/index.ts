import type { OperatorRow } from "../call.ts";
import { convolutionRows } from "./convolution.ts";
import { elementwiseRows } from "./elementwise.ts";
import { matmulRows } from "./matmul.ts";
import { poolingRows } from "./pooling.ts";
import { shapingRows } from "./shaping.ts";
import { slicingRows } from "./slicing.ts";
import { sourceRows } from "./source.ts";

/** Every supported TensorFlow operator by name. */
export const operators: ReadonlyMap<string, OperatorRow> = new Map(
  [...sourceRows, ...convolutionRows, ...elementwiseRows, ...matmulRows, ...poolingRows, ...shapingRows, ...slicingRows].map((row) => [
    row.op,
    row,
  ]),
);
