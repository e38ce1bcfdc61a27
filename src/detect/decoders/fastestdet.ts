import { add, clamp, log, mul, reshape, slice, type Tensor } from "../../tensor/index.ts";
import { fromCxcywh } from "../box.ts";
import type { FastestdetCard } from "../card.ts";
import type { Heads, Prediction } from "../detector.ts";
import { type Decoder, headNamed, LEAST_SCORE, requireHead } from "./decoder.ts";

/** Exponents of objectness and class in the score. */
const OBJECTNESS_POWER = 0.6;
const CLASS_POWER = 0.4;

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));

/**
 * FastestDet: one output [N, 5 + classes, h, w] with sigmoid objectness, raw x, y, w, h and softmax classes.
 * Centre = (tanh(xy) + cell) / map size, size = sigmoid(wh), both relative to the input;
 * score = objectness^0.6 * best class^0.4, log H alike in logs.
 */
export function fastestdetDecoder(card: FastestdetCard): Decoder {
  const depth = 5 + card.classes.length;
  const read = (heads: Heads): Tensor => {
    const out = headNamed(heads, card.outputs.predictions);
    requireHead(card.outputs.predictions, out, [-1, depth, -1, -1]);
    return out;
  };
  return {
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
      const { width, height } = card.input;
      return Array.from({ length: images }, (_, n) => {
        const found: Prediction[] = [];
        for (let cell = 0; cell < cells; cell++) {
          const at = (channel: number): number => out.data[(n * depth + channel) * cells + cell];
          let label = 0;
          for (let c = 1; c < card.classes.length; c++) if (at(5 + c) > at(5 + label)) label = c;
          const score = at(0) ** OBJECTNESS_POWER * at(5 + label) ** CLASS_POWER;
          if (!(score >= card.scoreThreshold)) continue;
          const cx = (Math.tanh(at(1)) + (cell % w)) / w;
          const cy = (Math.tanh(at(2)) + Math.floor(cell / w)) / h;
          found.push({ box: fromCxcywh([cx * width, cy * height, sigmoid(at(3)) * width, sigmoid(at(4)) * height]), score, label });
        }
        return found;
      });
    },
  };
}
