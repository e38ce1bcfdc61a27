import { z } from "zod";
import { ArgumentError } from "../errors.ts";
import { shownValue } from "../shown.ts";

const dims = z.object({
  dim: z.array(z.object({ size: z.union([z.string(), z.number()]) })).optional(),
  unknownRank: z.boolean().optional(),
});

const nodeSchema = z.object({
  name: z.string().min(1),
  op: z.string().min(1),
  input: z.array(z.string()).default([]),
  attr: z.record(z.string(), z.unknown()).default({}),
});

const weightSchema = z.object({
  name: z.string(),
  shape: z.array(z.int().min(0).max(2147483647)),
  dtype: z.string(),
  quantization: z
    .object({ dtype: z.enum(["float16", "uint8", "uint16"]), scale: z.number().optional(), min: z.number().optional() })
    .optional(),
});

const portSchema = z.object({ name: z.string().optional(), tensorShape: dims.optional() });

/** Entries rather than an object: a port may be called "__proto__", which a copied object would lose. */
const portsSchema = z.preprocess(
  (ports) => (typeof ports === "object" && ports !== null && !Array.isArray(ports) ? Object.entries(ports) : ports),
  z.array(z.tuple([z.string(), portSchema])),
);

const modelSchema = z.object({
  format: z.literal("graph-model").optional(),
  signature: z.object({ inputs: portsSchema.optional(), outputs: portsSchema.optional() }).nullish(),
  modelTopology: z.object({ node: z.array(nodeSchema).min(1) }),
  weightsManifest: z.array(z.object({ paths: z.array(z.string().min(1)), weights: z.array(weightSchema) })),
});

/** A node of a TensorFlow graph. */
export type TfNode = z.infer<typeof nodeSchema>;
/** What the manifest says of one stored tensor. */
export type WeightEntry = z.infer<typeof weightSchema>;
/** A `model.json` of format graph-model. */
export type ModelJson = z.infer<typeof modelSchema>;

/**
 * Parses a tfjs `model.json`.
 *
 * Errors: ArgumentError in one line that starts with `file`: no UTF-8, no JSON, another format than graph-model (a layers
 * model has no graph), or a field that is missing or of another type.
 */
export function parseModelJson(bytes: Uint8Array, file: string): ModelJson {
  const json = jsonOf(bytes, file);
  if (typeof json === "object" && json !== null && "format" in json && json.format === "layers-model")
    throw new ArgumentError(file, "format must be graph-model, got layers-model (convert it with tensorflowjs_converter)");
  const parsed = modelSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue.path.map(String).join(".").slice(0, 200) || "the file";
  throw new ArgumentError(file, `${place} must be as tfjs graph models have it, got another value (${issue.message})`);
}

function jsonOf(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 200) : "unreadable";
    throw new ArgumentError(file, `the file must be JSON in UTF-8, got ${bytes.length} bytes that are not (${reason})`);
  }
}

/** Sizes of a shape as the file writes it; -1 where it is free, undefined where even the rank is. */
export function sizesOf(shape: z.infer<typeof dims> | undefined): number[] | undefined {
  if (!shape || shape.unknownRank) return undefined;
  return (shape.dim ?? []).map(({ size }) => Number(size));
}

/** The place of a shard relative to model.json. Errors: ArgumentError for a path that leaves the model's folder. */
function checkedPath(path: string, file: string): string {
  const parts = path.split(/[\\/]/);
  if (/^[a-z]+:/i.test(path) || path.startsWith("/") || path.includes("\0") || parts.includes("..") || parts.includes("")) {
    throw new ArgumentError(file, `every weight path must stay in the model's folder, got ${shownValue(path)}`);
  }
  return path;
}

/**
 * Paths of the weight shards that a `model.json` asks for, relative to it, in its order.
 *
 * Errors: as for `importTfjs`; ArgumentError for a path that leaves the model's folder.
 */
export function tfjsWeightPaths(json: Uint8Array, name = "model.json"): string[] {
  return parseModelJson(json, name).weightsManifest.flatMap((group) => group.paths.map((path) => checkedPath(path, name)));
}
