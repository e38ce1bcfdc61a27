import { fitToInput, type Picture, type Prepared, prepare } from "../data/index.ts";
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

/** Bytes of fitted pictures that are kept: every stage of a job reads all samples again. */
const KEPT = 64 * 2 ** 20;

/** Collected samples; pictures are kept, network inputs are made on demand. */
export class Samples implements SampleSource {
  readonly names: readonly string[];
  readonly list: readonly Sample[];
  readonly #spec: InputSpec;
  readonly #maps: Prepared["toPicture"][] = [];
  readonly #fitted = new Map<number, Picture>();
  #kept = 0;

  constructor(list: readonly Sample[], spec: InputSpec) {
    this.list = list;
    this.names = list.map((s) => s.name);
    this.#spec = spec;
  }

  /** The network input of one sample. */
  tensor(index: number): Tensor {
    const { x, toPicture } = this.#prepared(index);
    this.#maps[index] ??= toPicture;
    return x;
  }

  #prepared(index: number): Prepared {
    const { picture } = this.list[index];
    const fitted = this.#fitted.get(index) ?? fitToInput(picture, this.#spec);
    if (!this.#fitted.has(index) && this.#kept + fitted.data.length <= KEPT) {
      this.#fitted.set(index, fitted);
      this.#kept += fitted.data.length;
    }
    return prepare(picture, fitted, this.#spec);
  }

  /** Detections of one sample moved from pixels of the network input to pixels of the picture. */
  toPicture(index: number, predictions: readonly Prediction[]): Prediction[] {
    this.#maps[index] ??= this.#prepared(index).toPicture;
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
