import { Tensor } from "../tensor/index.ts";
import type { Importance } from "./objective/importance.ts";
import { RefineObjective } from "./refineObjective.ts";
import type { LayerRows } from "./rows.ts";
import { chooseQParams, type QParams, type Range, type Scheme } from "./scheme.ts";

/** How rows of one layer weigh in the objective (InlierQ eq. 12). */
export type RowWeights = (rows: LayerRows) => Importance;

/** What refinement of one activation site works on. */
export interface RefineProblem {
  /** The format of the codes. */
  readonly scheme: Scheme;
  /** Where the search starts; it is never left for anything worse. */
  readonly range: Range;
  /** One entry per layer that reads the site. */
  readonly readers: readonly RefineReader[];
}

/** One layer that reads the site: its sampled volumes and weights. */
export interface RefineReader {
  readonly rows: LayerRows;
  /** Float and fake-quantized weights as `PatchView.matrix` gives them. */
  readonly weight: Tensor;
  readonly quantizedWeight: Tensor;
  /** Objective weights of its outputs [outputs * rows]. */
  readonly importance: Importance;
}

/** What refining one tensor found. */
export interface Refined {
  /** The range of the kept parameters. */
  readonly range: Range;
  /** The kept scale and zero point. */
  readonly params: QParams;
  /** Objective at the start and after every improvement; relative to the outputs' own weighted energy. */
  readonly curve: readonly number[];
}

/** Finds better activation parameters for one site. */
export interface Refiner {
  /** As the record writes it. */
  readonly name: string;
  /** Parameters of the least objective that it finds. */
  refine(problem: RefineProblem): Refined;
}

/** The grid that `gridRefiner` searches. */
export interface GridOptions {
  /** Candidate multiples of both ends together. Default 60 from 1.2 down to 0.1. */
  readonly both?: number;
  /** Candidate multiples of each end alone, after that. Default 20 from 1.25 down to 0.4. */
  readonly single?: number;
}

/**
 * Deterministic refinement: shrinks (and slightly widens) the whole range, then each end alone, and
 * keeps the best of all candidates and the start, per scale.
 *
 * Departure: the paper refines by gradient steps; a plain Adam at its learning rates barely moves the
 * scale, a grid finds the minimum (docs/decisions/003-refinement.md).
 */
export const gridRefiner = ({ both = 60, single = 20 }: GridOptions = {}): Refiner => ({
  name: "grid",
  refine(problem) {
    const objective = new RefineObjective(problem);
    const search = new Search(problem, objective);
    for (const f of ladder(1.2, 0.1, both)) search.offer((min, max) => [min * f, max * f]);
    search.rebase();
    for (const f of ladder(1.25, 0.4, single)) search.offer((min, max) => [min, max * f]);
    search.rebase();
    for (const f of ladder(1.25, 0.4, single)) search.offer((min, max) => [min * f, max]);
    objective.close();
    return search.result();
  },
});

function ladder(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + ((to - from) * i) / Math.max(1, count - 1));
}

/** The best range per scale so far; candidates are offered relative to a base. */
class Search {
  readonly #problem: RefineProblem;
  readonly #objective: RefineObjective;
  #base: Range;
  readonly #best: Range;
  /** The parameters the best values were measured with; recomputing them from mixed ranges could move dead channels. */
  readonly #scale: Float32Array;
  readonly #zeroPoint: Float32Array;
  readonly #value: Float64Array;
  readonly #curve: number[];

  constructor(problem: RefineProblem, objective: RefineObjective) {
    this.#problem = problem;
    this.#objective = objective;
    this.#base = problem.range;
    this.#best = { min: problem.range.min.slice(), max: problem.range.max.slice() };
    const { params } = chooseQParams(problem.range, problem.scheme);
    this.#scale = Float32Array.from(params.scale.data as Float32Array);
    this.#zeroPoint = Float32Array.from(params.zeroPoint.data as Float32Array);
    this.#value = objective.evaluate(params);
    this.#curve = [total(this.#value)];
  }

  /** Tries the same change at every scale and keeps it where it is strictly better. */
  offer(change: (min: number, max: number) => readonly [number, number]): void {
    const min = this.#base.min.slice();
    const max = this.#base.max.slice();
    for (let c = 0; c < min.length; c++) [min[c], max[c]] = change(Math.min(min[c], 0), Math.max(max[c], 0));
    const { params } = chooseQParams({ min, max }, this.#problem.scheme);
    const value = this.#objective.evaluate(params, this.#value);
    let improved = false;
    for (let c = 0; c < value.length; c++) {
      if (!(value[c] < this.#value[c])) continue;
      improved = true;
      this.#value[c] = value[c];
      this.#best.min[c] = min[c];
      this.#best.max[c] = max[c];
      this.#scale[c] = params.scale.data[c];
      this.#zeroPoint[c] = params.zeroPoint.data[c];
    }
    if (improved) this.#curve.push(total(this.#value));
  }

  /** Later candidates start from the best so far. */
  rebase(): void {
    this.#base = { min: this.#best.min.slice(), max: this.#best.max.slice() };
  }

  result(): Refined {
    const shape = [this.#scale.length];
    const params = { scale: new Tensor(shape, "f32", this.#scale), zeroPoint: new Tensor(shape, "f32", this.#zeroPoint) };
    return { range: this.#best, params, curve: this.#curve };
  }
}

const total = (values: Float64Array): number => values.reduce((a, v) => a + v, 0);
