/** ONNX files to graphs and back, quantized or in float. */

export { type ExportOptions, exportOnnx } from "./export/exportOnnx.ts";
export { exposeTensors } from "./exposeTensors.ts";
export { type ImportOptions, importOnnx } from "./import/importOnnx.ts";
export { type StoredPair, type StoredRule, storedPairs } from "./storedPairs.ts";
export { parseTensor, type StoredTensor } from "./tensors.ts";
export { type StoredGrid, weightGrids } from "./weightGrids.ts";
