import * as z from "zod";

const whole = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const shape = z.array(whole).max(16);
const blob = z.strictObject({ offset: whole, bytes: whole });
const mapping = z.enum(["affine", "symmetricNarrow", "symmetricHalf"]);

/** Number format and parameters of a quantized tensor; scales and levels are f32 blobs, zero points i32 blobs. */
const site = z.strictObject({
  bits: z.int().min(2).max(16),
  mapping,
  signed: z.boolean(),
  axis: whole.nullable(),
  qmin: z.int(),
  qmax: z.int(),
  scale: blob,
  zeroPoint: blob,
  levels: z.strictObject({ shape, data: blob }).optional(),
});

const port = z.strictObject({
  name: z.string(),
  shape: z.array(z.int().min(-1)).max(16),
  dtype: z.enum(["f32", "f64", "i32", "i8", "u8"]),
});

const node = z.strictObject({
  name: z.string(),
  op: z.string(),
  attrs: z.unknown(),
  inputs: z.array(z.string()),
  outputs: z.array(z.string()).min(1),
});

/** A parameter as it is, or the codes of a weight that only quantized layers read, packed at their true width. */
const parameter = z.union([
  z.strictObject({ name: z.string(), shape, dtype: z.enum(["f32", "f64", "i32", "i8", "u8"]), data: blob }),
  z.strictObject({ name: z.string(), shape, codes: blob }),
]);

/** What the header of an integer model says. */
export const headerSchema = z.strictObject({
  kind: z.literal("inlierq/integer"),
  graph: z.strictObject({ name: z.string(), inputs: z.array(port), outputs: z.array(port), nodes: z.array(node) }),
  parameters: z.array(parameter),
  plan: z.strictObject({
    layers: z.array(z.string()),
    activations: z.array(z.tuple([z.string(), site])),
    weights: z.array(z.tuple([z.string(), site])),
    biases: z.array(z.tuple([z.string(), z.strictObject({ shape, data: blob })])),
    /** Learned weights of quantized layers whose float values someone else reads: those are the parameter, these the codes. */
    tuned: z.array(parameter).optional(),
  }),
  card: z.unknown(),
  metadata: z.record(z.string(), z.string()),
});

export type Header = z.infer<typeof headerSchema>;
export type StoredSite = z.infer<typeof site>;
export type StoredParameter = z.infer<typeof parameter>;

const NUMBERS: Readonly<Record<string, number>> = { Infinity, "-Infinity": -Infinity, NaN: Number.NaN };
const MARK = "$number";

/** JSON for attributes: numbers JSON has no word for are written by name. */
export const encodeNumbers = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? { [MARK]: String(value) } : value;

/** The inverse of `encodeNumbers`. */
export function decodeNumbers(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, MARK)) return value;
  const name = (value as Record<string, unknown>)[MARK];
  return typeof name === "string" && Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : value;
}
