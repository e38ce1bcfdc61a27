import { ArgumentError } from "../../errors.ts";
import { formatScheme, isSeeded, parseScheme } from "../../quant/index.ts";
import { didYouMean } from "../../suggest.ts";
import { METHOD_NAMES, methodOf, parseConfig, type QuantizeConfig } from "../config.ts";
import { parseDuration } from "../duration.ts";

/** Combinations to run: every method at every scheme with every seed. */
export interface SweepList {
  readonly methods: readonly string[];
  /** Bits as in "W4A8". */
  readonly schemes: readonly string[];
  readonly seeds: readonly number[];
  /** Any other option of `quantize`. */
  readonly options?: Omit<QuantizeConfig, "method" | "scheme" | "seed" | "samples">;
  /** What tells rows of this list from those of the same methods in another, e.g. "no bias correction". */
  readonly label?: string;
}

/** What all runs share. */
export interface SweepTerms {
  /** Pictures to calibrate on, at most. */
  readonly samples: number;
  /** Pictures there are. */
  readonly pictures: number;
  /** Wall time each run may learn, as `quantize` takes it. */
  readonly budget?: string | number | undefined;
}

/** One run: plain data, so that a worker can be handed it. */
export interface SweepRun {
  /** Distinct in a sweep, and the name of a file. */
  readonly id: string;
  readonly label: string;
  readonly seed: number;
  /** What `quantize` is given; undefined: the float network is only measured. */
  readonly config?: QuantizeConfig;
}

/** The float network as it is. */
export const FLOAT_RUN: SweepRun = { id: "float", label: "float", seed: 0 };

/**
 * The runs of some lists, float first. A method that is handed no seed runs once, with the first one, unless the seed also
 * chooses among the pictures; see `isSeeded`. The same run in two lists is one.
 *
 * Errors: ArgumentError for an unknown method, scheme or option, for a list that is empty, for a budget that is no time, and
 * for two lists that differ in their options only and have no label.
 */
export function planRuns(lists: readonly SweepList[], terms: SweepTerms): SweepRun[] {
  if (terms.budget !== undefined) parseDuration(terms.budget, "budget");
  const runs = new Map([[FLOAT_RUN.id, FLOAT_RUN]]);
  for (const list of lists) {
    for (const [name, values] of Object.entries({ methods: list.methods, schemes: list.schemes, seeds: list.seeds })) {
      if (values.length === 0) throw new ArgumentError("sweep", `${name} must have at least 1 entry, got 0`);
    }
    for (const scheme of list.schemes) {
      for (const method of list.methods) for (const run of runsOf(list, method, formatScheme(parseScheme(scheme)), terms)) add(runs, run);
    }
  }
  return [...runs.values()];
}

function add(runs: Map<string, SweepRun>, run: SweepRun): void {
  const other = runs.get(run.id);
  if (other && JSON.stringify(other.config) !== JSON.stringify(run.config)) {
    throw new ArgumentError("sweep", `lists with other options must have a label of their own, got two runs called ${run.id}`);
  }
  runs.set(run.id, run);
}

const isMethod = (name: string): boolean => (METHOD_NAMES as readonly string[]).includes(name);

function runsOf({ options = {}, seeds, label = "" }: SweepList, method: string, scheme: string, terms: SweepTerms): SweepRun[] {
  if (!isMethod(method)) throw new ArgumentError("sweep", `methods must be known, got "${method}" (${didYouMean(method, METHOD_NAMES)})`);
  parseConfig(options, "sweep");
  // Options of other methods change nothing about this run.
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => key === method || !isMethod(key)));
  const made = methodOf(parseConfig({ ...own, method }, "sweep"));
  const once = !isSeeded(made) && terms.pictures <= terms.samples;
  // Only learning takes a budget.
  const budget = made.reconstruction && terms.budget !== undefined ? { budget: terms.budget } : {};
  const config = (seed: number): QuantizeConfig => parseConfig({ ...own, ...budget, method, scheme, seed }, "sweep");
  const name = [method, ...(label === "" ? [] : [label])];
  const slug = name.map((part) => part.toLowerCase().replace(/[^a-z0-9]+/g, "-")).join("-");
  return (once ? seeds.slice(0, 1) : seeds).map((seed) => ({
    id: `${slug}.${scheme.toLowerCase()}.s${seed}`,
    label: name.join(", "),
    seed,
    config: config(seed),
  }));
}
