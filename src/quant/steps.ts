import { AbortError } from "../errors.ts";

/** One report of a long job. */
export interface Progress {
  /** What is being done. */
  readonly stage: string;
  /** Steps of the stage finished, and its number of steps. */
  readonly done: number;
  /** Steps of this stage. */
  readonly total: number;
  /** Share of the whole job's estimated work that is finished, in [0, 1]. */
  readonly fraction: number;
}

/** A stage of a job: its number of steps and the relative work of one. */
export interface Stage {
  /** What is being done, as progress reports it. */
  readonly name: string;
  readonly steps: number;
  readonly work: number;
}

/** What every job takes. */
export interface StepOptions {
  /** Aborts at the next step. */
  readonly signal?: AbortSignal | undefined;
  /** Told after every step. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Counts a job's steps, reports them, and gives control back between them, so that a browser tab stays
 * alive and an abort takes effect at the next step.
 */
export class Steps {
  readonly #stages: readonly Stage[];
  readonly #options: StepOptions;
  readonly #total: number;
  #fraction = 0;

  /** Nothing is done yet. */
  constructor(stages: readonly Stage[], options: StepOptions) {
    this.#stages = stages.filter((s) => s.steps > 0);
    this.#options = options;
    this.#total = this.#stages.reduce((sum, s) => sum + s.steps * s.work, 0);
  }

  /** Announces that `done` steps of a stage are finished. Errors: AbortError when the signal fired. */
  async after(stage: string, done: number): Promise<void> {
    const at = this.#stages.findIndex((s) => s.name === stage);
    const found = this.#stages[at];
    const before = this.#stages.slice(0, at).reduce((sum, s) => sum + s.steps * s.work, 0);
    const fraction = found ? (before + Math.min(done, found.steps) * found.work) / this.#total : 1;
    // A stage may come in parts, with others between them.
    this.#fraction = Math.max(this.#fraction, fraction);
    this.#options.onProgress?.({ stage, done, total: found?.steps ?? done, fraction: this.#fraction });
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (this.#options.signal?.aborted)
      throw new AbortError(stage, `the job must not be aborted, got an abort after step ${done} of ${found?.steps ?? done}`);
  }
}
