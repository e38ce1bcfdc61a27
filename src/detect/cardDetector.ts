import type { Module, Tap } from "../nn/index.ts";
import { div, type Tensor, tensor } from "../tensor/index.ts";
import { type Card, formatNamed } from "./card.ts";
import type { Detector, Heads, InputSpec, Prediction } from "./detector.ts";
import type { Decoder } from "./formats/format.ts";
import { suppress } from "./nms.ts";

/** Sizes that come as logarithms may overflow. */
const hasFiniteBox = ({ box }: Prediction): boolean => box.every(Number.isFinite);

/** Boxes in shares of the input's width and height, where the format has boxes. */
function shares({ boxes }: Decoder, { width, height }: InputSpec): Pick<Detector, "boxes"> {
  if (!boxes) return {};
  return {
    boxes: (heads) => {
      const pixels = boxes(heads);
      return div(pixels, tensor([width, height, width, height], [4, 1], pixels.dtype));
    },
  };
}

/** A network read through a card. */
export interface CardDetector extends Detector {
  readonly card: Card;
  /** The network itself; its parameters are the detector's. */
  readonly module: Module<Heads>;
}

/**
 * Makes a detector of a network and a card. Boxes of `decode` are in pixels of the network input and may reach over
 * its edge; a box that is not finite is no detection; suppression is class-wise at the card's `nmsIou`, detections start at its `scoreThreshold`.
 *
 * Errors: ArgumentError or ShapeError from `logScores`, `boxes` and `decode` when an output is missing or has another shape.
 */
export function detectorFrom(module: Module<Heads>, card: Card): CardDetector {
  const decoder = formatNamed(card.format, "card").decoder(card);
  const { name, classes, input, maxDetections, nmsIou } = card;
  return {
    module,
    card,
    name,
    classes,
    input,
    maxDetections,
    forward: (x: Tensor, tap?: Tap) => module.forward(x, tap),
    logScores: (heads) => decoder.logScores(heads),
    ...(decoder.maps && { maps: decoder.maps }),
    ...shares(decoder, input),
    decode: (heads): Prediction[][] =>
      decoder.candidates(heads).map((found) => suppress(found.filter(hasFiniteBox), nmsIou, maxDetections)),
  };
}
