import type { OperatorRow } from "../call.ts";
import { activationRows } from "./activation.ts";
import { batchNormRows } from "./batchNorm.ts";
import { blockRows } from "./blocks.ts";
import { convolutionRows } from "./convolution.ts";
import { einsumRows } from "./einsum.ts";
import { elementwiseRows } from "./elementwise.ts";
import { fillRows } from "./fill.ts";
import { indexingRows } from "./indexing.ts";
import { integerRows } from "./integer.ts";
import { logicRows } from "./logic.ts";
import { lossRows } from "./loss.ts";
import { normRows } from "./norm.ts";
import { poolingRows } from "./pooling.ts";
import { quantizeRows } from "./quantize.ts";
import { rankingRows } from "./ranking.ts";
import { reductionRows } from "./reduction.ts";
import { regionRows } from "./region.ts";
import { resizeRows } from "./resize.ts";
import { scatteringRows } from "./scattering.ts";
import { shapingRows } from "./shaping.ts";

/** Every supported ONNX operator by its type. */
export const operators: ReadonlyMap<string, OperatorRow> = new Map(
  [
    ...convolutionRows,
    ...elementwiseRows,
    ...activationRows,
    ...logicRows,
    ...blockRows,
    ...fillRows,
    ...lossRows,
    ...rankingRows,
    ...einsumRows,
    ...integerRows,
    ...regionRows,
    ...scatteringRows,
    ...normRows,
    ...indexingRows,
    ...poolingRows,
    ...shapingRows,
    ...reductionRows,
    ...resizeRows,
    ...quantizeRows,
    ...batchNormRows,
  ].map((row) => [row.type, row]),
);
