import { visible } from "./shown.ts";

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
