import { ArgumentError } from "../../errors.ts";
import { allocate, type Data, formatShape, Tensor } from "../../tensor/index.ts";
import type { Observer } from "./observer.ts";

/**
 * Shows an observer only the volumes whose mask is non-zero (InlierQ eq. 11: range over the inlier set).
 *
 * Shape: x [N,C,...], mask u8 [N,...] or [N,1,...]; channel axis 1 is kept, so per-channel observers work.
 * A sample without any inlier volume is skipped.
 *
 * Errors: ArgumentError where the mask is missing or does not fit.
 */
export function masked<S>(observer: Observer<S>): Observer<S> {
  return {
    name: `masked(${observer.name})`,
    orderSensitive: observer.orderSensitive,
    init: () => observer.init(),
    add(state, { x, mask }) {
      const marks = marksOf(x, mask);
      if (!marks.some((m) => m !== 0)) return state;
      return observer.addMarked?.(state, x, marks) ?? observer.add(state, { x: selectVolumes(x, mask) });
    },
    result: (state) => observer.result(state),
  };
}

/** The entries of a mask that fits x. */
function marksOf(x: Tensor, mask: Tensor | undefined): Data {
  if (!mask) throw new ArgumentError("masked", "every sample needs a mask, got none");
  const [samples] = x.shape;
  const spatial = x.shape.slice(2).join();
  const rest = mask.shape.slice(1);
  const fits = rest.join() === spatial || (rest[0] === 1 && rest.slice(1).join() === spatial);
  if (x.shape.length < 2 || mask.shape[0] !== samples || !fits) {
    throw new ArgumentError(
      "masked",
      `mask must be [N,...] or [N,1,...] of x [N,C,...], got mask ${formatShape(mask.shape)} and x ${formatShape(x.shape)}`,
    );
  }
  return mask.data;
}

/** The marked volumes of x [N,C,...] as [1,C,K]. */
export function selectVolumes(x: Tensor, mask: Tensor | undefined): Tensor {
  const marks = marksOf(x, mask);
  const [samples, channels] = x.shape;
  const area = x.size === 0 ? 0 : x.size / (samples * channels);
  const kept = new Int32Array(marks.length);
  let count = 0;
  for (let i = 0; i < marks.length; i++) if (marks[i] !== 0) kept[count++] = i;
  if (count === 0) return new Tensor([1, channels, 0], x.dtype, allocate(x.dtype, 0));
  const from = x.data;
  const to = allocate(x.dtype, channels * count);
  for (let c = 0; c < channels; c++) {
    const row = c * count;
    let n = 0;
    let shift = c * area;
    for (let k = 0; k < count; k++) {
      const volume = kept[k];
      while (volume >= (n + 1) * area) {
        n++;
        shift = (n * channels + c - n) * area;
      }
      to[row + k] = from[shift + volume];
    }
  }
  return new Tensor([1, channels, count], x.dtype, to);
}
