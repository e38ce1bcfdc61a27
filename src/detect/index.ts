/** Detectors and what they find: cards, decoders, boxes, suppression, COCO and Pascal VOC metrics, a small network. */

export { type AnchorOptions, anchors, type BoxWeights, decodeBox, encodeBox } from "./anchors.ts";
export { area, ciou, clipBox, diou, fromCxcywh, fromXywh, giou, hull, iou, overlap, toCxcywh, toXywh } from "./box.ts";
export { CARD_FORMATS, type Card, type CardOf, gapsOf, parseCard } from "./card.ts";
export { type CardDetector, detectorFrom } from "./cardDetector.ts";
export { COCO_CLASSES, classNames } from "./classNames.ts";
export type { Box, Detector, GroundTruth, Heads, InputSpec, Prediction } from "./detector.ts";
export { type CenterMaps, decodeCenters, drawGaussian, gaussianRadius } from "./heatmap.ts";
export {
  COCO_AREAS,
  COCO_IOU_THRESHOLDS,
  COCO_RECALLS,
  type CocoClassStats,
  type CocoOptions,
  type CocoScores,
  type CocoStats,
  cocoAp,
  cocoEvaluate,
  type Evaluated,
} from "./metric/cocoAp.ts";
export type { CocoBox, CocoDetection, CocoImage, CocoTruth } from "./metric/cocoMatch.ts";
export { detectionsKept, type Kept, type KeptOptions, partners } from "./metric/match.ts";
export { type VocClassScores, type VocDetection, type VocOptions, type VocScores, vocAp, vocEvaluate } from "./metric/vocAp.ts";
export { CenterHeads, CenterNet, type CenterNetConfig, type CenterNetParts, HeadBranch } from "./models/centernet.ts";
export { type CenterTargets, centernetLoss, centerTargets, type TargetGrid } from "./models/centernetLoss.ts";
export { DEMO_CARD, DEMO_CONFIG, demoDetector } from "./models/demo.ts";
export { type HeadLayers, headLayers, type NetworkView } from "./network.ts";
export { byScore, classwiseNms, nms, suppress } from "./nms.ts";
export { cardFor, matchPreset, pictureInputOf } from "./presets.ts";
export { candidateTensors, cardTemplate } from "./template.ts";
