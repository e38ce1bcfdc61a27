import { z } from "zod";
import { ShapeError } from "../../errors.ts";
import { add, clamp, log, permute, slice, type Tensor } from "../../tensor/index.ts";
import { classNames } from "../classNames.ts";
import type { Heads, Prediction } from "../detector.ts";
import { headLayers, type NetworkView, pictureInput } from "../network.ts";
import { boxAt } from "./boxes.ts";
import { cardKeys, name, side } from "./cardKeys.ts";
import type { Decoder, Format } from "./format.ts";
import { cellCounts, gridBoxes, gridOf, levelSizes } from "./grid.ts";
import { LEAST_SCORE, readHead } from "./heads.ts";

const STRIDES = [8, 16, 32];

const schema = z.strictObject({
  ...cardKeys,
  format: z.literal("yolox"),
  outputs: z.strictObject({ predictions: name }),
  /** Cell sizes in pixels, in the order of the anchors. */
  strides: z.array(side).min(1).default(STRIDES),
});

export type YoloxCard = z.infer<typeof schema>;

/**
 * YOLOX: one output [N, anchors, 5 + classes] with raw x, y, w, h and sigmoid objectness and classes.
 * Centre = (xy + cell) * stride, size = exp(wh) * stride, score = objectness * best class;
 * log H = log objectness + log class.
 */
function decoder(card: YoloxCard): Decoder {
  const grid = gridOf(card.input, card.strides);
  const count = grid.stride.length;
  const depth = 5 + card.classes.length;
  const read = (heads: Heads): Tensor => {
    const out = readHead(heads, card.outputs.predictions, [-1, -1, depth]);
    if (out.shape[1] !== count) {
      throw new ShapeError(
        "detector",
        `output "${card.outputs.predictions}" must have one row an anchor = ${count}, got ${out.shape[1]} (strides ${card.strides.join(", ")})`,
      );
    }
    return out;
  };
  const boxesOf = (out: Tensor): Tensor => gridBoxes(slice(out, { dim: 2, start: 0, end: 4 }), grid);
  return {
    boxes: (heads) => boxesOf(read(heads)),
    maps: () => levelSizes(card.input, card.strides),
    logScores(heads) {
      const out = read(heads);
      const objectness = log(clamp(slice(out, { dim: 2, start: 4, end: 5 }), { min: LEAST_SCORE }));
      const classes = log(clamp(slice(out, { dim: 2, start: 5, end: depth }), { min: LEAST_SCORE }));
      return permute(add(objectness, classes), { perm: [0, 2, 1] });
    },
    candidates(heads) {
      const out = read(heads);
      const boxes = boxesOf(out);
      return Array.from({ length: out.shape[0] }, (_, n) => {
        const found: Prediction[] = [];
        for (let a = 0; a < count; a++) {
          const base = (n * count + a) * depth;
          let label = 0;
          for (let c = 1; c < card.classes.length; c++) if (out.data[base + 5 + c] > out.data[base + 5 + label]) label = c;
          const score = out.data[base + 4] * out.data[base + 5 + label];
          if (!(score >= card.scoreThreshold)) continue;
          found.push({ box: boxAt(boxes, n, a), score, label });
        }
        return found;
      });
    },
  };
}

/** YOLOX: BGR 0..255, letterboxed to the top left with grey 114. */
function preset(network: NetworkView): YoloxCard | undefined {
  const input = pictureInput(network);
  if (!input || network.outputs.length !== 1) return undefined;
  const [{ name, shape }] = network.outputs;
  const anchors = cellCounts(input, STRIDES).reduce((a, b) => a + b, 0);
  if (shape.length !== 3 || shape[1] !== anchors || shape[2] < 6) return undefined;
  return {
    version: 1,
    name: "yolox",
    format: "yolox",
    input: { ...input, color: "BGR", resize: "letterbox", anchor: "topLeft", fill: 114, mean: [0, 0, 0], std: [1, 1, 1] },
    classes: [...classNames(shape[2] - 5)],
    outputs: { predictions: name },
    strides: STRIDES,
    scoreThreshold: 0.01,
    visibleThreshold: 0.3,
    nmsIou: 0.5,
    maxDetections: 100,
    ...headLayers(network, [name], "included"),
  };
}

export const yolox: Format<YoloxCard> = { name: "yolox", schema, preset, decoder };
