import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { RunResult, SweepRun } from "../job/index.ts";
import { VERSION } from "../version.ts";
import { readAnnotations } from "./dataset.ts";
import { digest } from "./digest.ts";
import { readModel } from "./model.ts";
import { checkOutput, writeFileAtomic } from "./output.ts";
import { listPictures, readBytes } from "./pictures.ts";
import type { SweepSetup } from "./sweepContext.ts";
import { SWEEP_NAMES } from "./sweepFiles.ts";
import { UsageError } from "./usageError.ts";

/** Digests of what all runs share, by what a person calls it. */
export type SweepInputs = Readonly<Record<string, string>>;

/** Reads every file that results depend on. Errors: UsageError for one that cannot be read. */
export function sweepInputs(setup: SweepSetup): SweepInputs {
  const { bytes, parts } = readModel(setup.model);
  const pictures = (files: readonly { readonly name: string; readonly path: string }[]): string =>
    digest(...files.flatMap(({ name, path }) => [name, readBytes(path, "sweep")]));
  const shown = readAnnotations(setup.annotations).images.map(({ fileName: name }) => ({ name, path: join(setup.images, name) }));
  return {
    model: digest(bytes, ...[...parts].flat()),
    card: digest(JSON.stringify(setup.card ?? null)),
    "calibration pictures": pictures(listPictures(setup.calibrate)),
    "evaluation pictures": pictures(shown),
    annotations: digest(readBytes(setup.annotations, "sweep")),
    "number of samples": String(setup.samples),
    kernels: setup.kernels,
    version: VERSION,
  };
}

/** A finished run in a file. */
interface Kept {
  readonly config: SweepRun["config"] | null;
  readonly result: RunResult;
}

const INPUTS = "inputs.json";

/** How a folder is opened: with what is in it, or as a new one. */
export interface OpenOptions {
  readonly resume?: boolean;
  /** Forgets what is in it. */
  readonly force?: boolean;
}

/** The finished runs of a sweep, one file each; a file is complete or not there. */
export class SweepStore {
  readonly #folder: string;
  readonly #runs: string;

  /**
   * Errors: UsageError for a folder with runs that nobody asked to go on with, or of other inputs, naming them; OutputError
   * for one that cannot be written.
   */
  constructor(folder: string, inputs: SweepInputs, { resume = false, force = false }: OpenOptions) {
    this.#folder = folder;
    this.#runs = join(folder, "runs");
    if (!resume && !force && (existsSync(join(folder, INPUTS)) || existsSync(this.#runs)))
      throw new UsageError("sweep", `${folder} must not hold a sweep yet, got one (--resume goes on with it, --force begins again)`);
    checkOutput(folder, SWEEP_NAMES, resume || force);
    if (force && !resume) rmSync(this.#runs, { recursive: true, force: true });
    else requireSame(join(folder, INPUTS), inputs, this.#runs);
    mkdirSync(this.#runs, { recursive: true });
    writeFileAtomic(join(folder, INPUTS), `${JSON.stringify(inputs, null, 2)}\n`);
  }

  /** A run that was finished. Errors: UsageError where it had other options, naming them. */
  stored({ id, config }: SweepRun): RunResult | undefined {
    const path = join(this.#runs, `${id}.json`);
    if (!existsSync(path)) return undefined;
    const kept = JSON.parse(readFileSync(path, "utf8")) as Kept;
    const changed = changes((kept.config ?? {}) as Readonly<Record<string, unknown>>, (config ?? {}) as Readonly<Record<string, unknown>>);
    if (changed.length === 0) return kept.result;
    throw new UsageError("sweep", `${path} must be a run with the same options, got other ${changed.join(", ")} (${WAYS_OUT})`);
  }

  /** Keeps a finished run. Errors: OutputError. */
  keep({ id, config }: SweepRun, result: RunResult): void {
    const kept: Kept = { config: config ?? null, result };
    writeFileAtomic(join(this.#runs, `${id}.json`), `${JSON.stringify(kept)}\n`);
  }

  /** Where it is. */
  get folder(): string {
    return this.#folder;
  }
}

const WAYS_OUT = "another --out keeps both, --force begins again";

function requireSame(path: string, inputs: SweepInputs, runs: string): void {
  if (!existsSync(path)) {
    if (!existsSync(runs)) return;
    throw new UsageError("sweep", `${runs} must come with ${path}, which says what they are of, got no such file (${WAYS_OUT})`);
  }
  const changed = changes(JSON.parse(readFileSync(path, "utf8")) as SweepInputs, inputs);
  if (changed.length > 0)
    throw new UsageError("sweep", `${path} must be of the same inputs, got other ${changed.join(", ")} (${WAYS_OUT})`);
}

/** Keys whose values differ. */
const changes = (before: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]));
