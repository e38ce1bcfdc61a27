import { embedding, type Rng, randn, type Tensor } from "../../tensor/index.ts";
import { identityTap, type Module, type Tap } from "../module.ts";

/** Rows of weight [V,D] by number: i32 [...] → [...,D]. Sites: weight, output. */
export class Embedding implements Module {
  readonly weight: Tensor;

  /** A row for every index: [count, width]. */
  constructor(weight: Tensor) {
    this.weight = weight;
    Object.freeze(this);
  }

  /** Normal weights of mean 0 and deviation 1. Shape: [count, width], width the number of elements of a row. */
  static init(count: number, width: number, rng: Rng): Embedding {
    return new Embedding(randn([count, width], rng));
  }

  /** Shape: index [...], i32 → [..., width]. */
  forward(index: Tensor, tap: Tap = identityTap): Tensor {
    return tap("output", embedding(index, tap("weight", this.weight)));
  }
}
