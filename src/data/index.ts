/** Pictures, annotations and tensor files, read from bytes; generated scenes. */

export { collate, shuffledBatches } from "./batches.ts";
export {
  type CocoAnnotation,
  type CocoCategory,
  type CocoDataset,
  type CocoImage,
  type CocoResult,
  formatCocoResults,
  labelsOf,
  parseCoco,
  parseCocoResults,
  truthByImage,
} from "./coco.ts";
export { type DecodeOptions, decodePicture, encodePng, type Picture } from "./image.ts";
export { IRIS_CLASSES, iris } from "./iris.ts";
export { readNpy, writeNpy } from "./npy.ts";
export { readNpz, writeNpz } from "./npz.ts";
export { fitToInput, type Prepared, prepare, preprocess, resize } from "./preprocess.ts";
export { readSafetensors, type TensorFile, writeSafetensors } from "./safetensors.ts";
export { SCENE_CLASSES, type Scene, type SceneOptions, scene, scenes, turnScene } from "./scenes.ts";
export { parseVoc, type VocAnnotation, type VocObject } from "./voc.ts";
