import { z } from "zod";
import { add, clamp, log, mul, reshape, sigmoid, slice, type Tensor, tanh } from "../../tensor/index.ts";
import { classNames } from "../classNames.ts";
import type { Heads, Prediction } from "../detector.ts";
import { headLayers, type NetworkView, pictureInput } from "../network.ts";
import { boxAt, boxesAround, numbersLike, pairs } from "./boxes.ts";
import { cardKeys, name } from "./cardKeys.ts";
import type { Decoder, Format } from "./format.ts";
import { gridOf, mapSize } from "./grid.ts";
import { LEAST_SCORE, readHead } from "./heads.ts";

const schema = z.strictObject({
  ...cardKeys,
  format: z.literal("fastestdet"),
  outputs: z.strictObject({ predictions: name }),
});

export type FastestdetCard = z.infer<typeof schema>;

/** Exponents of objectness and class in the score. */
const OBJECTNESS_POWER = 0.6;
const CLASS_POWER = 0.4;

/** Boxes [N, 4, cells] in input pixels of the output [N, 5 + classes, h, w]. */
function boxesOf(out: Tensor, { width, height }: FastestdetCard["input"]): Tensor {
  const [n, , h, w] = out.shape;
  const [shift, size] = pairs(reshape(slice(out, { dim: 1, start: 1, end: 5 }), { shape: [n, 4, h * w] }));
  const cells = numbersLike(out, gridOf({ width: w, height: h }, [1]).cells, [2, h * w]);
  const centre = mul(add(tanh(shift), cells), numbersLike(out, [width / w, height / h], [2, 1]));
  return boxesAround(centre, mul(sigmoid(size), numbersLike(out, [width, height], [2, 1])));
}

/**
 * FastestDet: one output [N, 5 + classes, h, w] with sigmoid objectness, raw x, y, w, h and softmax classes.
 * Centre = (tanh(xy) + cell) / map size, size = sigmoid(wh), both relative to the input;
 * score = objectness^0.6 * best class^0.4, log H alike in logs.
 */
function decoder(card: FastestdetCard): Decoder {
  const depth = 5 + card.classes.length;
  const read = (heads: Heads): Tensor => readHead(heads, card.outputs.predictions, [-1, depth, -1, -1]);
  return {
    boxes: (heads) => boxesOf(read(heads), card.input),
    maps: (heads) => [mapSize(read(heads))],
    logScores(heads) {
      const out = read(heads);
      const [n, , h, w] = out.shape;
      const objectness = log(clamp(slice(out, { dim: 1, start: 0, end: 1 }), { min: LEAST_SCORE }));
      const classes = log(clamp(slice(out, { dim: 1, start: 5, end: depth }), { min: LEAST_SCORE }));
      const joined = add(mul(objectness, OBJECTNESS_POWER), mul(classes, CLASS_POWER));
      return reshape(joined, { shape: [n, card.classes.length, h * w] });
    },
    candidates(heads) {
      const out = read(heads);
      const [images, , h, w] = out.shape;
      const cells = h * w;
      const boxes = boxesOf(out, card.input);
      return Array.from({ length: images }, (_, n) => {
        const found: Prediction[] = [];
        for (let cell = 0; cell < cells; cell++) {
          const at = (channel: number): number => out.data[(n * depth + channel) * cells + cell];
          let label = 0;
          for (let c = 1; c < card.classes.length; c++) if (at(5 + c) > at(5 + label)) label = c;
          const score = at(0) ** OBJECTNESS_POWER * at(5 + label) ** CLASS_POWER;
          if (!(score >= card.scoreThreshold)) continue;
          found.push({ box: boxAt(boxes, n, cell), score, label });
        }
        return found;
      });
    },
  };
}

/** FastestDet: BGR 0..1, stretched; one map at stride 16. */
function preset(network: NetworkView): FastestdetCard | undefined {
  const input = pictureInput(network);
  if (!input || network.outputs.length !== 1) return undefined;
  const [{ name, shape }] = network.outputs;
  if (shape.length !== 4 || shape[1] < 6 || shape[2] * 16 !== input.height || shape[3] * 16 !== input.width) return undefined;
  return {
    version: 1,
    name: "fastestdet",
    format: "fastestdet",
    input: { ...input, color: "BGR", resize: "stretch", anchor: "topLeft", fill: 0, mean: [0, 0, 0], std: [255, 255, 255] },
    classes: [...classNames(shape[1] - 5)],
    outputs: { predictions: name },
    scoreThreshold: 0.01,
    visibleThreshold: 0.3,
    nmsIou: 0.5,
    maxDetections: 100,
    ...headLayers(network, [name], "included"),
  };
}

export const fastestdet: Format<FastestdetCard> = { name: "fastestdet", schema, preset, decoder };
