/**
 * The error classes of the library. Every message reads
 * `where: what must hold, got actual (context)`.
 */

/** Anything this library throws on purpose; `op` names the function or file that refused. */
export class InlierqError extends Error {
  readonly op: string;
  /** The message becomes `op: problem`. */
  constructor(op: string, problem: string) {
    super(`${op}: ${problem}`);
    this.name = new.target.name;
    this.op = op;
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
