import { type Picture, type Prepared, preprocess } from "../data/index.ts";
import type { GroundTruth, InputSpec, Prediction } from "../detect/index.ts";
import { ArgumentError } from "../errors.ts";
import type { SampleSource } from "../quant/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** One picture, with what is on it where that is known. */
export interface Sample {
  /** Shown in reports and errors. */
  readonly name: string;
  readonly picture: Picture;
  /** Boxes in pixels of the picture. */
  readonly truth?: readonly GroundTruth[];
}

/** Collected samples; pictures are kept, network inputs are made on demand. */
export class Samples implements SampleSource {
  readonly names: readonly string[];
  readonly list: readonly Sample[];
  readonly #spec: InputSpec;
  readonly #maps: Prepared["toPicture"][] = [];

  constructor(list: readonly Sample[], spec: InputSpec) {
    this.list = list;
    this.names = list.map((s) => s.name);
    this.#spec = spec;
  }

  /** The network input of one sample. */
  tensor(index: number): Tensor {
    const { x, toPicture } = preprocess(this.list[index].picture, this.#spec);
    this.#maps[index] ??= toPicture;
    return x;
  }

  /** Detections of one sample moved from pixels of the network input to pixels of the picture. */
  toPicture(index: number, predictions: readonly Prediction[]): Prediction[] {
    this.#maps[index] ??= preprocess(this.list[index].picture, this.#spec).toPicture;
    const move = this.#maps[index];
    return predictions.map((p) => ({ ...p, box: move(p.box) }));
  }
}

/**
 * Takes at most `count` samples from any iterable.
 *
 * Errors: ArgumentError when there is none.
 */
export async function collect(source: Iterable<Sample> | AsyncIterable<Sample>, count: number, spec: InputSpec): Promise<Samples> {
  const list: Sample[] = [];
  for await (const sample of source) {
    list.push(sample);
    if (list.length >= count) break;
  }
  if (list.length === 0) throw new ArgumentError("samples", "needs at least 1 picture, got 0");
  return new Samples(list, spec);
}
