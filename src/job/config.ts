import { z } from "zod";
import { ArgumentError } from "../errors.ts";
import { type Method, methods } from "../quant/index.ts";
import { shownValue } from "../shown.ts";
import { nearest } from "../suggest.ts";
import { EQUALIZER_NAMES } from "./equalize.ts";

const count = z.int().min(1);
const bits = z.int().min(2).max(8);
const bitRule = z.strictObject({
  pattern: z.string(),
  by: z.enum(["layer", "tensor"]).optional(),
  weightBits: bits.optional(),
  activationBits: bits.optional(),
  float: z.literal(true).optional(),
});
const policy = z.union([z.enum(["inlierq", "regptq"]), z.strictObject({ keep: z.array(z.string()) })], {
  error: 'a policy is "inlierq", "regptq" or { "keep": [patterns of layers] }',
});

type MethodName = keyof typeof methods;
/** Names of the methods, the default first. */
export const METHOD_NAMES = Object.keys(methods) as [MethodName, ...MethodName[]];

const methodOptions = Object.fromEntries(METHOD_NAMES.map((name) => [name, methods[name].schema])) as {
  [K in MethodName]: (typeof methods)[K]["schema"];
};

/** Everything `quantize` takes that can stand in a file: the keys are the option names of the library. */
export const quantizeConfig = z
  .strictObject({
    scheme: z.string(),
    method: z.enum(METHOD_NAMES),
    policy,
    samples: count,
    seed: z.int(),
    gate: z.string(),
    exclude: z.array(z.string()),
    firstLayerBits: bits,
    bits: z.array(bitRule),
    promote: z.number().positive().max(1),
    promoteBits: bits,
    weightMapping: z.enum(["affine", "symmetricNarrow", "symmetricHalf"]),
    perChannelDepthwise: z.boolean(),
    reduceRange: z.boolean(),
    fusible: z.boolean(),
    biasCorrection: z.boolean(),
    biasSamples: count,
    budget: z.union([z.number(), z.string()]),
    equalize: z.array(z.enum(EQUALIZER_NAMES)),
    ...methodOptions,
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
  const { issues } = parsed.error;
  const issue = issues.find((i) => i.code === "unrecognized_keys") ?? issues[0];
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
    `${path || "the file"} must fit the schema, got ${shownValue(valueAt(value, issue.path))} (${issue.message})`,
  );
}

/** The valid keys of the object that a path leads to. */
function keysAt(path: readonly PropertyKey[]): string[] {
  let at: unknown = quantizeConfig;
  for (const key of path) {
    if (at instanceof z.ZodObject) at = inside((at.shape as Record<PropertyKey, unknown>)[key]);
    else if (at instanceof z.ZodArray) at = inside(at.element);
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

const inside = (schema: unknown): unknown => (schema instanceof z.ZodOptional ? inside(schema.unwrap()) : schema);

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((v, key) => (typeof v === "object" && v !== null ? (v as Record<PropertyKey, unknown>)[key] : undefined), value);

/** The keys of a configuration, and those of the options of its method. */
export const settingKeys = ({ method = METHOD_NAMES[0] }: Pick<QuantizeConfig, "method">): { all: string[]; ofMethod: string[] } => ({
  all: keysAt([]),
  ofMethod: keysAt([method]),
});

/** The configured method with its options. */
export function methodOf(config: QuantizeConfig): Method {
  const name = config.method ?? METHOD_NAMES[0];
  const make: (options: object) => Method = methods[name];
  return make(defined(config[name]));
}

/** Drops absent entries: an undefined option would hide its default. */
export function defined<T extends object>(options: T | undefined): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
