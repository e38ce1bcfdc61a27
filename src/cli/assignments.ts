import { METHOD_NAMES, settingKeys } from "../job/index.ts";
import { UsageError } from "../node/index.ts";
import { didYouMean } from "../suggest.ts";

type Settings = Readonly<Record<string, unknown>>;
type MethodName = (typeof METHOD_NAMES)[number];

/**
 * A configuration with texts such as `qdrop.kept=0.5` laid over it. A key that is none of the configuration is one of the
 * method's options. Values are JSON, or else texts.
 *
 * Errors: UsageError for a text without "=", and for an unknown key with the nearest known one.
 */
export function withAssignments(config: Settings, texts: readonly string[], chosen: string | undefined): Settings {
  const pairs = texts.map(pairOf);
  const named = chosen ?? pairs.findLast(([key]) => key === "method")?.[1] ?? config.method;
  const method = METHOD_NAMES.find((name) => name === named) ?? METHOD_NAMES[0];
  return pairs.reduce((all, [key, value]) => assigned(all, pathOf(key, method), value), config);
}

function pairOf(text: string): readonly [key: string, value: unknown] {
  const at = text.indexOf("=");
  if (at <= 0) throw new UsageError("--set", `must be KEY=VALUE, got "${text}"`);
  return [text.slice(0, at), readValue(text.slice(at + 1))];
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function pathOf(key: string, method: MethodName): string[] {
  const path = key.split(".");
  const { all, ofMethod } = settingKeys({ method });
  if (all.includes(path[0])) return path;
  if (ofMethod.includes(path[0])) return [method, ...path];
  throw new UsageError("--set", `keys must be known, got "${key}"; ${didYouMean(path[0], [...ofMethod, ...all])}`);
}

function assigned(config: Settings, [key, ...rest]: readonly string[], value: unknown): Settings {
  if (rest.length === 0) return { ...config, [key]: value };
  const inner = config[key];
  return { ...config, [key]: assigned(typeof inner === "object" && inner !== null ? (inner as Settings) : {}, rest, value) };
}
