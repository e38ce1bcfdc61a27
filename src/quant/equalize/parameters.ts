import type { Graph, NormStatistics } from "../../graph/index.ts";
import { Tensor } from "../../tensor/index.ts";
import { emplace } from "../emplace.ts";
import { largestBy, weightChannels } from "./channels.ts";
import type { Seam } from "./seams.ts";

/**
 * Double-precision copies of the parameters that a rewrite changes, each rounded once, at the end, and what then holds of
 * normalised tensors.
 */
export class ChangedParameters {
  readonly #graph: Graph;
  readonly #values = new Map<string, Float64Array>();
  readonly #statistics: Map<string, NormStatistics>;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#statistics = new Map(graph.statistics);
  }

  /** The values of a parameter so far, to be changed in place. */
  of(name: string): Float64Array {
    return emplace(this.#values, name, () => Float64Array.from(this.#graph.parameters.get(name)?.data ?? []));
  }

  shapeOf(name: string): readonly number[] {
    return this.#graph.parameters.get(name)?.shape ?? [];
  }

  /** Divides the channels of a seam by `factors` at its source and multiplies them at its readers. */
  scale({ folds, scaled, readers }: Seam, factors: Float64Array): void {
    for (const { parameter, channelOf } of folds) {
      const values = this.of(parameter);
      for (let i = 0; i < values.length; i++) values[i] /= factors[channelOf(i)];
    }
    for (const reader of readers) {
      const values = this.of(reader.weight);
      const { inputOf } = weightChannels(reader, this.shapeOf(reader.weight));
      for (let i = 0; i < values.length; i++) values[i] *= factors[inputOf(i)];
    }
    for (const name of scaled) {
      const known = this.#statistics.get(name);
      const each = (x: Float64Array): Float64Array => x.map((v, c) => v / factors[c]);
      if (known) this.#statistics.set(name, { mean: each(known.mean), deviation: each(known.deviation) });
    }
  }

  /** Notes that the channels of a tensor fell by `c`. */
  lower(tensor: string, c: Float64Array): void {
    const known = this.#statistics.get(tensor);
    if (known) this.#statistics.set(tensor, { ...known, mean: known.mean.map((m, i) => m - c[i]) });
  }

  /** Largest magnitude that each channel of a seam meets in its readers' weights. */
  largestRead({ readers, channels }: Seam): Float64Array {
    const all = readers.map(({ weight }, k) =>
      largestBy(this.of(weight), channels, weightChannels(readers[k], this.shapeOf(weight)).inputOf),
    );
    return all[0].map((_, c) => all.reduce((most, each) => Math.max(most, each[c]), 0));
  }

  /** The graph with the changed parameters. */
  graph(): Graph {
    const replaced = new Map<string, Tensor>();
    for (const [name, values] of this.#values) {
      const { shape, dtype } = this.#graph.parameters.get(name) as Tensor;
      replaced.set(name, new Tensor(shape, dtype, dtype === "f64" ? values : Float32Array.from(values)));
    }
    return this.#graph.withParameters(replaced, this.#statistics);
  }
}

/** A graph that computes what another did, and where it differs. */
export interface Rewrite {
  readonly graph: Graph;
  /** Names of the tensors whose channels were scaled or shifted, or of the layers that were changed. */
  readonly changed: readonly string[];
  /** Names of new layers that must stay in float. */
  readonly keep: readonly string[];
}
