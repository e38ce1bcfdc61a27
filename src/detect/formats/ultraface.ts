import { z } from "zod";
import { ShapeError } from "../../errors.ts";
import { add, clamp, log, mul, permute, slice, type Tensor } from "../../tensor/index.ts";
import type { Heads, Prediction } from "../detector.ts";
import { headBranches, type NetworkView, pictureInput } from "../network.ts";
import { boxAt, boxesAround, numbersLike, pairs, sizesOf } from "./boxes.ts";
import { cardKeys, name, side } from "./cardKeys.ts";
import type { Decoder, Format } from "./format.ts";
import { LEAST_SCORE, readHead } from "./heads.ts";

const STRIDES = [8, 16, 32, 64];
const SIZES = [
  [10, 16, 24],
  [32, 48],
  [64, 96],
  [128, 192, 256],
];

/** Variances of the SSD box code: of the centre and of the logarithm of the size. */
const CENTRE_VARIANCE = 0.1;
const SIZE_VARIANCE = 0.2;

const schema = z
  .strictObject({
    ...cardKeys,
    format: z.literal("ultraface"),
    outputs: z.strictObject({ scores: name, boxes: name }),
    /** Cell sizes in pixels, in the order of the anchors. */
    strides: z.array(side).min(1).default(STRIDES),
    /** Sides of the square anchors of each stride in pixels. */
    sizes: z.array(z.array(z.number().positive()).min(1)).min(1).default(SIZES),
  })
  .refine((card) => card.strides.length === card.sizes.length, { path: ["sizes"], error: "must have one list a stride" });

export type UltrafaceCard = z.infer<typeof schema>;

/** Centre x, centre y, width and height of every anchor in input pixels: level by level, cell by cell, size by size. */
function anchorsOf(card: Pick<UltrafaceCard, "input" | "strides" | "sizes">): Float64Array {
  const { width, height } = card.input;
  const bounded = (v: number, most: number): number => Math.min(v, most);
  const anchors = card.strides.flatMap((stride, level) => {
    const [columns, rows] = [Math.ceil(width / stride), Math.ceil(height / stride)];
    return Array.from({ length: rows * columns }, (_, cell) => {
      const x = bounded(((cell % columns) + 0.5) * stride, width);
      const y = bounded((Math.floor(cell / columns) + 0.5) * stride, height);
      return card.sizes[level].flatMap((size) => [x, y, bounded(size, width), bounded(size, height)]);
    }).flat();
  });
  return Float64Array.from(anchors);
}

/**
 * UltraFace, an SSD: scores [N, anchors, 1 + classes] through their softmax, background first, and boxes
 * [N, anchors, 4] relative to square anchors: centre = anchor + 0.1 xy * size, size = anchor size * exp(0.2 wh).
 * log H is the logarithm of the class probability. Anchors are cut to the input, as in the original.
 */
function decoder(card: UltrafaceCard): Decoder {
  const anchors = anchorsOf(card);
  const count = anchors.length / 4;
  const depth = 1 + card.classes.length;
  const read = (heads: Heads, output: string, channels: number): Tensor => {
    const out = readHead(heads, output, [-1, -1, channels]);
    if (out.shape[1] === count) return out;
    throw new ShapeError("detector", `output "${output}" must have one row an anchor = ${count}, got ${out.shape[1]}`);
  };
  const column = (i: number): Float64Array => anchors.filter((_, k) => k % 4 === i);
  const [centres, sizes] = [
    [column(0), column(1)],
    [column(2), column(3)],
  ].map(([x, y]) => Float64Array.of(...x, ...y));
  const boxesOf = (heads: Heads): Tensor => {
    const [shift, growth] = pairs(permute(read(heads, card.outputs.boxes, 4), { perm: [0, 2, 1] }));
    const size = numbersLike(shift, sizes, [2, count]);
    const centre = add(numbersLike(shift, centres, [2, count]), mul(mul(shift, CENTRE_VARIANCE), size));
    return boxesAround(centre, mul(sizesOf(mul(growth, SIZE_VARIANCE)), size));
  };
  return {
    boxes: boxesOf,
    logScores(heads) {
      const classes = slice(read(heads, card.outputs.scores, depth), { dim: 2, start: 1, end: depth });
      return permute(log(clamp(classes, { min: LEAST_SCORE })), { perm: [0, 2, 1] });
    },
    candidates(heads) {
      const scores = read(heads, card.outputs.scores, depth);
      const boxes = boxesOf(heads);
      return Array.from({ length: scores.shape[0] }, (_, n) => {
        const found: Prediction[] = [];
        for (let a = 0; a < count; a++) {
          const row = n * count + a;
          let best = 1;
          for (let c = 2; c < depth; c++) if (scores.data[row * depth + c] > scores.data[row * depth + best]) best = c;
          const score = scores.data[row * depth + best];
          if (!(score >= card.scoreThreshold)) continue;
          found.push({ box: boxAt(boxes, n, a), score, label: best - 1 });
        }
        return found;
      });
    },
  };
}

/** UltraFace by its number of anchors: RGB, (pixel - 127) / 128, stretched. */
function preset(network: NetworkView): UltrafaceCard | undefined {
  const input = pictureInput(network);
  if (input?.layout !== "NCHW" || network.outputs.length !== 2) return undefined;
  const spec: UltrafaceCard["input"] = {
    ...{ ...input, color: "RGB", resize: "stretch", anchor: "topLeft", fill: 0 },
    ...{ mean: [127, 127, 127], std: [128, 128, 128] },
  };
  const count = anchorsOf({ input: spec, strides: STRIDES, sizes: SIZES }).length / 4;
  const withDepth = (depth: number) => network.outputs.filter(({ shape: s }) => s.length === 3 && s[1] === count && s[2] === depth);
  const [[scores], [boxes]] = [withDepth(2), withDepth(4)];
  if (!scores || !boxes) return undefined;
  return {
    version: 1,
    name: "ultraface",
    format: "ultraface",
    input: spec,
    classes: ["face"],
    outputs: { scores: scores.name, boxes: boxes.name },
    strides: STRIDES,
    sizes: SIZES,
    scoreThreshold: 0.02,
    visibleThreshold: 0.6,
    nmsIou: 0.3,
    maxDetections: 100,
    ...headBranches(network, [scores.name, boxes.name]),
  };
}

export const ultraface: Format<UltrafaceCard> = { name: "ultraface", schema, preset, decoder };
