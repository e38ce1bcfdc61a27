export { isContainer as isIntegerFile } from "./file/container.ts";
export { type ReadModel, readIntegerFile } from "./file/readFile.ts";
export { type QuantizedModel, writeIntegerFile } from "./file/writeFile.ts";
export { planFromGraph, type WeightGrid } from "./fromGraph.ts";
export { type IntegerModel, inferInteger, prepareInteger } from "./prepare.ts";
export { type Equality, type FloatCloseness, proveEquality, type SiteEquality } from "./prove.ts";
