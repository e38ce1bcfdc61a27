import { minmaxObserver, type Range } from "../../src/quant/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";

/** The range our min-max observer finds in one tensor. */
export function rangeOf(x: Tensor, axis: number | null): Range {
  const observer = minmaxObserver({ axis });
  return observer.result(observer.add(observer.init(), { x }));
}
