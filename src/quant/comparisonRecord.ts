import * as z from "zod";
import { ArgumentError } from "../errors.ts";

/** Version of the layout of a comparison's record; a reader refuses others. */
export const COMPARISON_VERSION = 1;

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const box = z.tuple([z.number(), z.number(), z.number(), z.number()]);

const tensorDifference = z.strictObject({
  /** 10 log10(sum x^2 / sum (x' - x)^2) over all pictures, dB; null where nothing differs, and where x is zero everywhere. */
  sqnr: z.number().nullable(),
  /** sum x x' / sqrt(sum x^2 sum x'^2) over all pictures; null where either is zero everywhere. */
  cosine: z.number().min(-1).max(1).nullable(),
  /** Largest |x' - x|, in activation units. */
  maxError: z.number().min(0),
  /** Elements left out of the sums because x or x' is infinite or NaN. */
  nonFinite: count,
});

const layerDifference = z.strictObject({
  /** The node's name in the first model; for an output the tensor's. */
  name: z.string(),
  /** The op's name. */
  kind: z.string(),
  /** A layer has weights; an operation is another node that reads quantized tensors in either model. */
  role: z.enum(["layer", "operation", "output"]),
  tensor: z.string(),
  /** Name of the same tensor in the second model. */
  otherTensor: z.string(),
  /** The second model's layer on the first model's inputs: what this layer alone does. */
  isolated: tensorDifference,
  /** The second model run from the picture on: what has come together up to here. */
  accumulated: tensorDifference,
});

const found = z.strictObject({ label: z.string(), score: z.number(), box });

const pictureDifference = z.strictObject({
  name: z.string(),
  /** Detections of the first model that the second one still finds: `score` and `box` of the first. */
  kept: z.array(found.extend({ otherScore: z.number(), otherBox: box, iou: share })),
  /** Those it does not find any more, and those only it finds. */
  lost: z.array(found),
  new: z.array(found),
});

const schema = z.strictObject({
  version: z.literal(COMPARISON_VERSION),
  kind: z.literal("inlierq/comparison"),
  model: z.string(),
  other: z.string(),
  detector: z.string(),
  seed: z.int(),
  samples: z.array(z.string()),
  versions: z.record(z.string(), z.string()),
  /** How the layers of the two models found each other. */
  matchedBy: z.enum(["name", "position"]),
  /** Layers and operations, in order of execution. */
  layers: z.array(layerDifference),
  outputs: z.array(layerDifference),
  detections: z.strictObject({
    /** Score from which a detection counts: the card's visible threshold. */
    minScore: z.number(),
    model: count,
    other: count,
    kept: count,
    lost: count,
    new: count,
    /** kept / model; 1 where there was nothing to keep. */
    keptShare: share,
    /** Over the kept detections: mean IoU, mean and largest change of the score; null without any. */
    meanIou: share.nullable(),
    meanScoreChange: z.number().nullable(),
    largestScoreChange: z.number().nullable(),
    pictures: z.array(pictureDifference),
  }),
  gate: z.strictObject({ rule: z.string(), value: z.number(), limit: z.number(), passed: z.boolean() }).nullable(),
});

/** How far two tensors are apart, summed over pictures. */
export type TensorDifference = z.infer<typeof tensorDifference>;

/** How far a layer's output is apart in two models. */
export type LayerDifference = z.infer<typeof layerDifference>;

/** What happened to the detections on one picture. */
export type PictureDifference = z.infer<typeof pictureDifference>;

/** The account of a comparison of two models. */
export type ComparisonRecord = z.infer<typeof schema>;

/** Validates a comparison's record read from JSON. Errors: ArgumentError with the first problem, beginning with `where`. */
export function parseComparison(json: unknown, where = "comparison"): ComparisonRecord {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new ArgumentError(where, `${path.join(".") || "the record"} must fit the schema, got another value (${message})`);
}
