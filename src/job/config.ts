import { z } from "zod";
import { ArgumentError } from "../errors.ts";
import { inlierq, type Method, minmax, mse } from "../quant/index.ts";
import { nearest } from "../suggest.ts";

const count = z.int().min(1);
const share = z.number().min(0).max(1);

const inlierqConfig = z.strictObject({
  topK: z.union([count, z.literal("cap")]),
  topKMode: z.enum(["perClass", "joint"]),
  separator: z.enum(["em", "kmeans", "svm"]),
  maxScores: z.int().min(32),
  transform: z.enum(["raw", "sqrt", "log"]),
  tau: z.number(),
  monotone: z.boolean(),
  floorShare: share,
  iterations: count,
  tolerance: z.number().min(0),
  varianceFloor: z.number().min(0),
  objective: z.enum(["output", "self"]),
  fisher: z.enum(["diag", "volume", "rank1", "none"]),
  rho: share,
  lambdaInlier: z.number().min(0),
  lambdaAnomaly: z.number().min(0),
  refine: z.enum(["grid", "adam", "none"]),
  adam: z.strictObject({ steps: count, scaleRate: z.number().positive(), zeroPointRate: z.number().positive() }).partial(),
  rows: z.int().min(16),
  rowFloats: z.int().min(1024),
});

/** Everything `quantize` takes that can stand in a file: the keys are the option names of the library. */
export const quantizeConfig = z
  .strictObject({
    scheme: z.string(),
    method: z.enum(["minmax", "mse", "inlierq"]),
    policy: z.enum(["inlierq", "regptq"]),
    samples: count,
    seed: z.int(),
    gate: z.string(),
    exclude: z.array(z.string()),
    firstLayerBits: z.int().min(2).max(8),
    weightMapping: z.enum(["affine", "symmetricNarrow", "symmetricHalf"]),
    perChannelDepthwise: z.boolean(),
    reduceRange: z.boolean(),
    fusible: z.boolean(),
    biasCorrection: z.boolean(),
    biasSamples: count,
    inlierq: inlierqConfig.partial(),
    mse: z.strictObject({ p: z.number().positive() }).partial(),
  })
  .partial();

/** A validated configuration; absent keys take the documented defaults. */
export type QuantizeConfig = z.infer<typeof quantizeConfig>;

/**
 * Validates a configuration.
 *
 * Errors: ArgumentError with the first problem; an unknown key names the nearest valid one.
 */
export function parseConfig(value: unknown, where = "config"): QuantizeConfig {
  const parsed = quantizeConfig.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0];
    const valid = keysAt(issue.path);
    const near = nearest(key, valid);
    throw new ArgumentError(
      where,
      `keys must be known, got "${path ? `${path}.` : ""}${key}"${near ? ` (did you mean "${near}"?)` : ` (known: ${valid.join(", ")})`}`,
    );
  }
  throw new ArgumentError(
    where,
    `${path || "the file"} must fit the schema, got ${JSON.stringify(valueAt(value, issue.path))} (${issue.message})`,
  );
}

function keysAt(path: readonly PropertyKey[]): string[] {
  if (path[0] === "inlierq") return Object.keys(path[1] === "adam" ? inlierqConfig.shape.adam.shape : inlierqConfig.shape);
  if (path[0] === "mse") return ["p"];
  return Object.keys(quantizeConfig.shape);
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((v, key) => (typeof v === "object" && v !== null ? (v as Record<PropertyKey, unknown>)[key] : undefined), value);

const METHODS: Readonly<Record<NonNullable<QuantizeConfig["method"]>, (config: QuantizeConfig) => Method>> = {
  minmax: () => minmax(),
  mse: ({ mse: o }) => mse(defined(o)),
  inlierq: ({ inlierq: o }) => inlierq(defined(o)),
};

/** The configured method with its options. */
export const methodOf = (config: QuantizeConfig): Method => METHODS[config.method ?? "inlierq"](config);

/** Drops absent entries: an undefined option would hide its default. */
export function defined<T extends object>(options: T | undefined): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
