import { ArgumentError } from "../errors.ts";
import { shownValue } from "../shown.ts";
import { didYouMean } from "../suggest.ts";
import { inputSchema } from "./formats/cardKeys.ts";
import type { Format } from "./formats/format.ts";
import * as formats from "./formats/index.ts";

type CardIn<F> = F extends Format<infer C> ? C : never;

/**
 * Everything that turns a network into a detector: how a picture becomes its input, which output is the heatmap, how
 * boxes are decoded, and which layers are its head. JSON, versioned.
 */
export type Card = CardIn<(typeof formats)[keyof typeof formats]>;

/** The cards of one format, e.g. `CardOf<"yolox">`. */
export type CardOf<F extends Card["format"]> = Extract<Card, { readonly format: F }>;

/** Every format. The order does not matter: no two presets know the same network. */
export const FORMATS: readonly Format<Card>[] = Object.values(formats);

/** The output layouts a card can name. */
export const CARD_FORMATS: readonly Card["format"][] = FORMATS.map((f) => f.name);

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Validates a card read from JSON; `where` (a file name) begins the message of the one ArgumentError it throws. Unknown
 * keys are refused with the nearest valid one. Errors: that one, with the path of the key.
 */
export function parseCard(json: unknown, where = "card"): Card {
  if (!isRecord(json))
    throw new ArgumentError(
      where,
      `a detector card must be a JSON object, got ${json === null ? "null" : Array.isArray(json) ? "an array" : typeof json}`,
    );
  const [gap, ...more] = gapsOf(json);
  if (gap !== undefined) {
    const rest = more.length === 0 ? "" : ` (and ${more.join(", ")})`;
    throw new ArgumentError(where, `every "?" must be filled in, got one in ${gap}${rest}`);
  }
  const { schema } = formatNamed(json.format, where);
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
    `${issue.path.join(".") || "card"} is not valid, got ${got === undefined ? "nothing" : shownValue(got)} (${lower(issue.message)})`,
  );
}

/** The format of a name. Errors: ArgumentError with the nearest name. */
export function formatNamed(format: unknown, where: string): Format<Card> {
  const found = FORMATS.find((f) => f.name === format);
  if (found) return found;
  const hint = typeof format === "string" ? ` (${didYouMean(format, CARD_FORMATS)})` : "";
  throw new ArgumentError(where, `format must be one of ${CARD_FORMATS.join(", ")}, got ${shownValue(format)}${hint}`);
}

const lower = (message: string): string => message.charAt(0).toLowerCase() + message.slice(1);

function refuseUnknown(json: Record<string, unknown>, valid: readonly string[], where: string, prefix: string): void {
  for (const key of Object.keys(json)) {
    if (!valid.includes(key)) throw new ArgumentError(where, `every key must be known, got "${prefix}${key}" (${didYouMean(key, valid)})`);
  }
}

/** No card has more levels; what does is refused by its schema. */
const DEEPEST = 8;

/** Paths of the places in a card that still begin with "?", e.g. "input.color". */
export function gapsOf(card: unknown, path = "", levels = DEEPEST): string[] {
  if (typeof card === "string") return card.startsWith("?") ? [path] : [];
  if (typeof card !== "object" || card === null || levels === 0) return [];
  return Object.entries(card).flatMap(([key, value]) => gapsOf(value, path === "" ? key : `${path}.${key}`, levels - 1));
}
