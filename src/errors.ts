import { shownValue, visible } from "./shown.ts";

/**
 * The error classes of the library. Every message reads
 * `where: what must hold, got actual (context)`, in one line whatever the names in it hold.
 */

/** Characters of a message at most, and of the place it begins with. */
const LONGEST = { message: 2000, place: 500 } as const;

const line = (text: string, longest: number): string => {
  const shown = visible(text.length > longest ? text.slice(0, longest) : text);
  return shown.length > longest || text.length > longest ? `${shown.slice(0, longest)}...` : shown;
};

/** Anything this library throws on purpose; `op` names the function or file that refused. */
export class InlierqError extends Error {
  readonly op: string;
  /** The message becomes `op: problem`. */
  constructor(op: string, problem: string) {
    const place = line(op, LONGEST.place);
    super(line(`${place}: ${problem}`, LONGEST.message));
    this.name = new.target.name;
    this.op = place;
  }
}

/** Shapes that do not fit together. */
export class ShapeError extends InlierqError {}

/** An element type the operation does not take. */
export class DTypeError extends InlierqError {}

/** An argument, option, file or configuration value outside its domain. */
export class ArgumentError extends InlierqError {}

/** A call that is valid in itself but not now, e.g. a gradient of something never recorded. */
export class StateError extends InlierqError {}

/** Thrown when a job's AbortSignal fires. */
export class AbortError extends InlierqError {}

/** What a broken law says of itself, and how it was broken. */
interface Broken {
  readonly must: string;
  readonly got: string;
  readonly at: Readonly<Record<string, unknown>>;
}

/** A law of `inlierq/laws` that its subject breaks. */
export class LawError extends InlierqError {
  /** The law's name. */
  readonly law: string;
  /** Where the law comes from. */
  readonly source: string;
  /** The shrunk input that breaks it, by name, in the subject's own terms. */
  readonly counterexample: Readonly<Record<string, unknown>>;
  /** The seed that finds it again. */
  readonly seed: number;
  /** The message becomes `subject: "law": what must hold, got actual (counterexample, seed)`. */
  constructor(subject: string, law: { readonly name: string; readonly source: string }, { must, got, at }: Broken, seed: number) {
    const where = Object.entries(at).map(([key, value]) => `${key} = ${shownValue(value)}`);
    super(subject, `"${law.name}": ${must}, got ${got} (${[...where, `seed ${seed}`].join(", ")})`);
    this.law = law.name;
    this.source = law.source;
    this.counterexample = at;
    this.seed = seed;
  }
}
