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
