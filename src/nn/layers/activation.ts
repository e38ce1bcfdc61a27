import type { Tensor } from "../../tensor/index.ts";
import { identityTap, type Module, type Tap } from "../module.ts";

/** An elementwise function of the library as a module: `new Activation(relu)`. Site: output. */
export class Activation implements Module {
  readonly apply: (x: Tensor) => Tensor;

  constructor(apply: (x: Tensor) => Tensor) {
    this.apply = apply;
    Object.freeze(this);
  }

  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    return tap("output", this.apply(x));
  }
}
