import { z } from "zod";

const triple = z.tuple([z.number(), z.number(), z.number()]);

/** A length in pixels. */
export const side = z.int().min(1).max(16_384);

/** The name of a tensor, a layer, a class or a detector. */
export const name = z.string().min(1);

/** How a picture becomes the input tensor. */
export const inputSchema = z.strictObject({
  width: side,
  height: side,
  layout: z.enum(["NCHW", "NHWC"]),
  color: z.enum(["RGB", "BGR"]),
  resize: z.enum(["letterbox", "stretch"]),
  anchor: z.enum(["topLeft", "center"]),
  fill: z.number().min(0).max(255),
  mean: triple,
  std: triple.refine((std) => std.every((s) => s > 0), "must be > 0"),
});

/** A copied object would lose an input of that name without a word. */
const constantsSchema = z
  .unknown()
  .refine((given) => typeof given !== "object" || given === null || !Object.hasOwn(given, "__proto__"), 'must not name "__proto__"')
  .pipe(z.record(name, z.array(z.number()).min(1)));

/** What the card of every format says. */
export const cardKeys = {
  version: z.literal(1),
  /** What reports call the detector. */
  name,
  input: inputSchema,
  /** The network input that takes the picture; default the only one, or the only one with a picture's shape. */
  pictureInput: name.optional(),
  /** Values of other network inputs, the same for every picture, row by row: { "scale_factor": [1, 1] }. */
  constants: constantsSchema.optional(),
  classes: z.array(name).min(1),
  /** Least score of a detection that is evaluated: low, because average precision needs the whole curve. */
  scoreThreshold: z.number().min(0).max(1),
  /** Least score of a detection worth drawing and worth keeping. */
  visibleThreshold: z.number().min(0).max(1),
  /** Class-wise suppression above this IoU; 1 switches it off. */
  nmsIou: z.number().min(0).max(1),
  /** Cap on detections per picture; also the default top-K of InlierQ eq. 7. */
  maxDetections: z.int().min(1),
  /** Layers (names or patterns with * and ?) that the policy "inlierq" keeps in float. */
  head: z.array(name),
  /** Last prediction layers, which the policy "regptq" keeps in float. */
  predictions: z.array(name),
};
