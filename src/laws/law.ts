import fc from "fast-check";
import { LawError, StateError } from "../errors.ts";

/** How a subject broke a law, for one input. */
export interface Violation {
  /** What must hold: "fakeQuant(0) must be 0". */
  readonly must: string;
  /** What was found instead. */
  readonly got: string;
  /** The input in the subject's own terms, by name. */
  readonly at: Readonly<Record<string, unknown>>;
}

/** Something true of every correct `S`: inputs to try it on, and a judge of one input. */
export interface Law<S> {
  /** One line that reads after "a quantizer ...": "is idempotent". */
  readonly name: string;
  /** Where it comes from. */
  readonly source: string;
  /** False where the subject lacks what the law speaks of. */
  readonly applies: (subject: S) => boolean;
  /** What is drawn, and shrunk after a failure; undefined for a law about the subject as it stands, which is tried once. */
  readonly inputs: ((subject: S) => fc.Arbitrary<unknown>) | undefined;
  /** What is wrong for one input; undefined where nothing is. */
  readonly violation: (subject: S, input: unknown) => Violation | undefined;
}

/** What `defineLaw` takes: a law whose judge knows the type of its inputs. */
export interface LawParts<S, E> {
  /** One line that reads after "a quantizer ...". */
  readonly name: string;
  /** Where it comes from. */
  readonly source: string;
  /** Default: to every subject. */
  readonly applies?: (subject: S) => boolean;
  /** Left out for a law about the subject as it stands: its one input is undefined. */
  readonly inputs?: (subject: S) => fc.Arbitrary<E>;
  /** What is wrong for one input; undefined where nothing is. */
  readonly violation: (subject: S, input: E) => Violation | undefined;
}

/** Makes a law out of its parts. `violation` is only ever given what `inputs` drew. */
export function defineLaw<S, E = undefined>({ applies = () => true, inputs, ...rest }: LawParts<S, E>): Law<S> {
  return { ...rest, applies, inputs, violation: (subject, input) => rest.violation(subject, input as E) };
}

/** How laws are tried. */
export interface LawOptions {
  /** Replays the inputs of an earlier check. Default: fast-check's own configuration, else a fresh one. */
  readonly seed?: number;
  /** Inputs tried for each law. Default: fast-check's own configuration, 100 without one. */
  readonly runs?: number;
}

/** How one subject fared under one law. */
export interface LawReport {
  /** The law's name. */
  readonly law: string;
  /** Where the law comes from. */
  readonly source: string;
  /** "not applicable" where the subject lacks what the law speaks of. */
  readonly outcome: "holds" | "broken" | "not applicable";
  /** Inputs tried. */
  readonly runs: number;
  /** The shrunk counterexample of a broken law. */
  readonly error: LawError | undefined;
}

/** Anything a message can call by its name. */
export interface Named {
  readonly name: string;
}

/** Tries one law and says how the subject fared. Errors: StateError where too few drawn inputs fit the law. */
export function lawReport<S extends Named>(subject: S, law: Law<S>, { seed, runs }: LawOptions = {}): LawReport {
  const { name, source } = law;
  if (!law.applies(subject)) return { law: name, source, outcome: "not applicable", runs: 0, error: undefined };
  const property = fc.property(law.inputs?.(subject) ?? fc.constant(undefined), (input) => law.violation(subject, input) === undefined);
  const details = fc.check(property, {
    ...(seed === undefined ? {} : { seed }),
    ...(law.inputs ? (runs === undefined ? {} : { numRuns: runs }) : { numRuns: 1 }),
    verbose: 0,
  });
  if (!details.failed) return { law: name, source, outcome: "holds", runs: details.numRuns, error: undefined };
  if (details.counterexample === null) {
    const { numRuns, numSkips } = details;
    throw new StateError(
      subject.name,
      `"${name}" needs more inputs it applies to, got ${numRuns} (of ${numRuns + numSkips} drawn, seed ${details.seed})`,
    );
  }
  const [input] = details.counterexample;
  const error = new LawError(subject.name, law, judged(law, subject, input), details.seed);
  return { law: name, source, outcome: "broken", runs: details.numRuns, error };
}

/** What is wrong for an input that failed; what the subject throws is wrong too. */
function judged<S>(law: Law<S>, subject: S, input: unknown): Violation {
  try {
    return law.violation(subject, input) ?? { must: "give the same twice", got: "a failure and then none", at: { input } };
  } catch (thrown) {
    return { must: "must not throw", got: String(thrown), at: { input } };
  }
}

/**
 * Tries every law on a subject and says how it fared, in the order of the laws: for any test runner, or none.
 *
 * A seed gives the same inputs, and so the same counterexamples, every time. Errors: StateError where too few drawn inputs
 * fit a law.
 */
export const lawReports = <S extends Named>(subject: S, laws: readonly Law<S>[], options: LawOptions = {}): LawReport[] =>
  laws.map((law) => lawReport(subject, law, options));

/**
 * Tries laws on a subject until one is broken.
 *
 * Errors: LawError with the name of the first broken law, its shrunk counterexample and the seed that replays it; StateError
 * where too few drawn inputs fit a law.
 */
export function checkLaws<S extends Named>(subject: S, laws: readonly Law<S>[], options: LawOptions = {}): void {
  for (const law of laws) {
    const { error } = lawReport(subject, law, options);
    if (error) throw error;
  }
}
