/** What a quantized model costs: bit operations, effective multiply-accumulates by named rules, and bytes. */

export { type Cost, costOf, costOfGraph } from "./account.ts";
export {
  countedTwice,
  type DetectorLayer,
  type DetectorPart,
  type DetectorSize,
  fasterRcnnR50,
  quantizeParts,
  resnet50,
  retinaNetR50,
} from "./detectors.ts";
export { type CostFormats, costLayers, formatsOfAssignment, formatsOfPlan, otherBytes } from "./graphCost.ts";
export type { Bits, CostLayer } from "./layerCost.ts";
export { type StorageBytes, storageBytes, storageWords } from "./storage.ts";
export { bitOperations, effectiveMacs, type FlopRule, type FlopRuleName, flopRules } from "./work.ts";
