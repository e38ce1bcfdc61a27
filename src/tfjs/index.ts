/** TensorFlow.js graph models to graphs. */

export { importTfjs, type TfjsImportOptions } from "./importTfjs.ts";
export { tfjsWeightPaths } from "./modelJson.ts";
