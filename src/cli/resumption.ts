import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AbortError } from "../errors.ts";
import { type DiskJournal, type JournalKey, openJournal, UNFINISHED, UsageError } from "../node/index.ts";

/** An abort that left something: a later run can go on, or results are there. */
export class InterruptedError extends AbortError {}

/** What the words of a person say about interrupted runs. */
export interface ResumeOptions {
  readonly resume: boolean;
  readonly force: boolean;
}

/** The interrupted run that an output folder may hold, and the journal of this one. */
export class Resumption {
  /** Whether files of an earlier run may be replaced: those of the run that is resumed were its own. */
  readonly replaces: boolean;
  readonly #folder: string;
  readonly #resume: boolean;
  #journal: DiskJournal | undefined;

  /** Errors: UsageError where the folder holds an interrupted run and nobody says what to do with it. */
  constructor(out: string, { resume, force }: ResumeOptions) {
    this.#folder = join(out, UNFINISHED);
    this.#resume = resume;
    const found = existsSync(this.#folder);
    if (found && !resume && !force) {
      throw new UsageError(
        "--out",
        `${out} must hold no interrupted run, got ${this.#folder} (--resume goes on with it, --force starts anew)`,
      );
    }
    this.replaces = force || (resume && found);
  }

  /** The journal of the run with this key. Errors: UsageError where the interrupted run had another. */
  open(key: JournalKey): DiskJournal {
    if (!this.#resume) rmSync(this.#folder, { recursive: true, force: true });
    this.#journal = openJournal(this.#folder, key);
    return this.#journal;
  }

  /** Where files are written before they are moved, if the output folder is there for the journal already. */
  get stage(): string | undefined {
    return existsSync(this.#folder) ? join(this.#folder, "writing") : undefined;
  }

  /** Deletes the journal: the work is done. */
  end(): void {
    this.#journal?.remove();
  }

  /** An error as it is, or with what is left to resume where it is an abort. */
  explained(error: unknown): unknown {
    const count = this.#journal?.count ?? 0;
    if (!(error instanceof AbortError) || error instanceof InterruptedError || count === 0) return error;
    return new InterruptedError("aborted", `${count} finished units are in ${this.#folder} (--resume goes on with them)`);
  }
}
