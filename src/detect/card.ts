import { z } from "zod";
import { ArgumentError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";

const triple = z.tuple([z.number(), z.number(), z.number()]);
const side = z.int().min(1).max(16_384);

const inputSchema = z.strictObject({
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

const name = z.string().min(1);

const common = {
  version: z.literal(1),
  /** What reports call the detector. */
  name,
  input: inputSchema,
  /** The network input that takes the picture; default the only one, or the only one with a picture's shape. */
  pictureInput: name.optional(),
  /** Values of other network inputs, the same for every picture, row by row: { "scale_factor": [1, 1] }. */
  constants: z.record(name, z.array(z.number()).min(1)).optional(),
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

const yoloxSchema = z.strictObject({
  ...common,
  format: z.literal("yolox"),
  outputs: z.strictObject({ predictions: name }),
  /** Cell sizes in pixels, in the order of the anchors. */
  strides: z.array(side).min(1).default([8, 16, 32]),
});

const fastestdetSchema = z.strictObject({
  ...common,
  format: z.literal("fastestdet"),
  outputs: z.strictObject({ predictions: name }),
});

const centernetSchema = z.strictObject({
  ...common,
  format: z.literal("centernet"),
  outputs: z.strictObject({ heatmap: name, size: name, offset: name.optional() }),
  /** Whether the heatmap output went through its sigmoid. */
  heatmap: z.enum(["probability", "logit"]).default("probability"),
  /** Whether sizes count heatmap cells or input pixels. */
  sizeUnit: z.enum(["cell", "pixel"]).default("cell"),
});

const SCHEMAS = { yolox: yoloxSchema, fastestdet: fastestdetSchema, centernet: centernetSchema } as const;

/** The output layouts a card can name. */
export const CARD_FORMATS = Object.keys(SCHEMAS) as readonly Card["format"][];

export type YoloxCard = z.infer<typeof yoloxSchema>;
export type FastestdetCard = z.infer<typeof fastestdetSchema>;
export type CenternetCard = z.infer<typeof centernetSchema>;

/**
 * Everything that turns a network into a detector: how a picture becomes its input, which output is the heatmap, how
 * boxes are decoded, and which layers are its head. JSON, versioned.
 */
export type Card = YoloxCard | FastestdetCard | CenternetCard;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Validates a card read from JSON; `where` (a file name) begins the message of the one ArgumentError it throws.
 * Unknown keys are refused with the nearest valid one.
 */
export function parseCard(json: unknown, where = "card"): Card {
  if (!isRecord(json))
    throw new ArgumentError(
      where,
      `a detector card must be a JSON object, got ${json === null ? "null" : Array.isArray(json) ? "an array" : typeof json}`,
    );
  const format = json.format;
  if (typeof format !== "string" || !Object.hasOwn(SCHEMAS, format)) {
    const hint = typeof format === "string" ? ` (${didYouMean(format, CARD_FORMATS)})` : "";
    throw new ArgumentError(where, `format must be one of ${CARD_FORMATS.join(", ")}, got ${JSON.stringify(format)}${hint}`);
  }
  const schema = SCHEMAS[format as Card["format"]];
  refuseUnknown(json, Object.keys(schema.shape), where, "");
  if (isRecord(json.input)) refuseUnknown(json.input, Object.keys(inputSchema.shape), where, "input.");
  if (isRecord(json.outputs)) refuseUnknown(json.outputs, Object.keys(schema.shape.outputs.shape), where, "outputs.");
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const got = issue.path.reduce<unknown>(
    (at, key) => (isRecord(at) || Array.isArray(at) ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    json,
  );
  throw new ArgumentError(
    where,
    `${issue.path.join(".") || "card"} is not valid, got ${JSON.stringify(got) ?? "nothing"} (${lower(issue.message)})`,
  );
}

const lower = (message: string): string => message.charAt(0).toLowerCase() + message.slice(1);

function refuseUnknown(json: Record<string, unknown>, valid: readonly string[], where: string, prefix: string): void {
  for (const key of Object.keys(json)) {
    if (!valid.includes(key)) throw new ArgumentError(where, `every key must be known, got "${prefix}${key}" (${didYouMean(key, valid)})`);
  }
}
