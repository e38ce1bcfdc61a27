import type { Tensor } from "../../tensor/index.ts";
import { identityTap, type Module, type Tap } from "../module.ts";

/** Modules one after another; the i-th is named "layers.i", as its parameters are. */
export class Sequential implements Module {
  readonly layers: readonly Module[];

  /** The layers, first to last. */
  constructor(layers: readonly Module[]) {
    this.layers = Object.freeze([...layers]);
    Object.freeze(this);
  }

  /** Shape: whatever the first layer takes → what the last one gives. */
  forward(x: Tensor, tap: Tap = identityTap): Tensor {
    return this.layers.reduce((y, layer, i) => layer.forward(y, tap.at(`layers.${i}`)), x);
  }
}
