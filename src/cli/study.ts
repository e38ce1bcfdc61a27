import type { StepOptions } from "../quant/index.ts";
import type { Invocation } from "./command.ts";

/** What a study found: its record, a summary for people, and its files by path below the output folder. */
export interface StudyResult {
  readonly record: object;
  readonly summary: string;
  readonly files: ReadonlyMap<string, string>;
}

/** A study that can be run again. */
export interface Study {
  readonly name: string;
  /** Where its files go unless told otherwise. */
  readonly out: string;
  /** The files that must not exist yet. */
  readonly writes: readonly string[];
  /** The seeds unless told otherwise. */
  readonly seeds: readonly number[];
  /** Flags that only this study takes; with any it also takes a model. */
  readonly flags: readonly string[];
  /** Runs it. Errors: UsageError for what is missing or wrong among its operands and flags. */
  run(invocation: Invocation, seeds: readonly number[], out: string, options: StepOptions): Promise<StudyResult>;
}
