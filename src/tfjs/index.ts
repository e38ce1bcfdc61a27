export { importTfjs, type TfjsImportOptions } from "./importTfjs.ts";
export { tfjsWeightPaths } from "./modelJson.ts";
