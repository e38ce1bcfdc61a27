import { ArgumentError } from "../errors.ts";
import { readBytes, UsageError } from "../node/index.ts";
import { nearest } from "../suggest.ts";
import type { Values } from "./command.ts";

/** A flag's text, or undefined. */
export const textOf = (values: Values, name: string): string | undefined => {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
};

/** All texts of a flag that may be repeated. */
export const textsOf = (values: Values, name: string): readonly string[] => {
  const value = values[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
};

/** A flag's whole number in [least, most]. Errors: UsageError for anything else. */
export function wholeOf(values: Values, name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${name}`, `must be a whole number of at least ${least}, got "${text}"`);
  }
  if (value > most) throw new UsageError(`--${name}`, `must be a whole number of at most ${most}, got "${text}"`);
  return value;
}

/** One of the words a flag may have. Errors: UsageError for another, with the nearest. */
export function wordOf<W extends string>(values: Values, name: string, words: readonly W[]): W | undefined {
  const text = textOf(values, name);
  if (text === undefined || words.includes(text as W)) return text as W | undefined;
  const guess = nearest(text, words);
  throw new UsageError(`--${name}`, `must be ${words.join(", ")}, got "${text}"${guess ? `; did you mean ${guess}?` : ""}`);
}

/** A flag's number in [least, most]. Errors: UsageError for anything else. */
export function numberOf(values: Values, name: string, least: number, most: number): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= least && value <= most)) throw new UsageError(`--${name}`, `must be a number in [${least}, ${most}], got "${text}"`);
  return value;
}

/** A flag's list of words with commas between, each one of those it may have. Errors: UsageError for another, with the nearest. */
export function wordsOf<W extends string>(values: Values, name: string, words: readonly W[]): readonly W[] | undefined {
  return textOf(values, name)
    ?.split(",")
    .map((word) => wordOf({ [name]: word.trim() }, name, words) as W);
}

/** Seeds a flag may list. */
const MOST_SEEDS = 100;

/** A flag's seeds: "0..4" as 0, 1, 2, 3, 4; "0,3,7" as it stands. Errors: UsageError for another text, a repeated seed or more than 100. */
export function seedsOf(values: Values, name: string): readonly number[] | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const wrong = (got: string): UsageError =>
    new UsageError(`--${name}`, `must be a range A..B or a list A,B,C of 1 to ${MOST_SEEDS} distinct whole numbers >= 0, got ${got}`);
  if (!/^\d{1,9}(\.\.\d{1,9}|(,\d{1,9})*)$/.test(text)) throw wrong(`"${text}"`);
  const [first, last] = text.split("..").map(Number);
  const count = text.includes("..") ? last - first + 1 : 0;
  if (text.includes("..") && (count < 1 || count > MOST_SEEDS)) throw wrong(`"${text}"`);
  const seeds = count > 0 ? Array.from({ length: count }, (_, i) => first + i) : text.split(",").map(Number);
  if (seeds.length > MOST_SEEDS || new Set(seeds).size < seeds.length) throw wrong(`"${text}"`);
  return seeds;
}

/** The JSON value in a file. Errors: UsageError when it cannot be read or is not JSON. */
export function readJson(path: string): unknown {
  const text = new TextDecoder().decode(readBytes(path, "readJson"));
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new UsageError(path, `must be JSON, got a syntax error (${(error as Error).message.split("\n")[0]})`);
  }
}

/** Calls what reads a person's words: an ArgumentError of it is wrong use. */
export function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ArgumentError) || error instanceof UsageError) throw error;
    throw new UsageError(error.op, error.message.slice(error.op.length + 2));
  }
}
