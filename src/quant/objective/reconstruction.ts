import { abs, mean, mul, pow, square, sub, Tensor } from "../../tensor/index.ts";
import type { Evidence } from "../reconstruct/evidence.ts";
import type { UnitObjective } from "../reconstruct/reconstruction.ts";
import { volumesOf } from "../volumes.ts";
import { fisherFull } from "./fisherDiag.ts";
import { type FisherOptions, importanceOf } from "./importance.ts";

/**
 * Mean of |y^ - y|^p over the output of a unit. Only its ratio to the start counts, so that a mean over channels does
 * where sources sum. Source: AdaRound eq. 25 (p = 2), BRECQ's activations (p = 2.4).
 */
export const outputError = (p = 2): UnitObjective => ({
  name: p === 2 ? "mse" : `lp${p}`,
  loss(target, output) {
    const d = sub(output, target);
    return mean(p === 2 ? square(d) : pow(abs(d), p));
  },
});

/** How gradients are damped: added to |g| as BRECQ's code does, or a share rho of unweighted error beside g^2 / mean(g^2). */
export type Damping = { readonly added: number } | { readonly share: number };

/**
 * Squared errors weighed by squared gradients: the diagonal empirical Fisher of BRECQ eq. 10. Where the loss does not depend on
 * a tensor, its errors count alike.
 */
export const fisherError = (evidence: Evidence, damping: Damping): UnitObjective => ({
  name: "fisherDiag",
  weighing: { evidence, weigh: (g) => mapped(g, squares(g, damping)) },
  loss: (target, output, weights) => mean(mul(square(sub(output, target)), weights as Tensor)),
});

/** The rank-one form of BRECQ's code, `fisher_full`. Departure: see `fisherFull`. */
export const fullFisherError = (evidence: Evidence, added: number): UnitObjective => ({
  name: "fisherFull",
  weighing: { evidence, weigh: (g) => mapped(g, damped(g, added)) },
  loss: (target, output, weights) => fisherFull(target, output, weights as Tensor),
});

/** Squared errors of inlier volumes, weighed by gradients of the saliency loss (InlierQ eq. 12, on outputs). */
export const inlierError = (evidence: Evidence, options: FisherOptions): UnitObjective => ({
  name: "inlierFisher",
  weighing: {
    evidence,
    weigh(g, inlier) {
      const { count, channels } = volumesOf(g.shape);
      const layout = g.shape.length >= 4 ? { samples: 1, channels, volumes: count } : { samples: count, channels, volumes: 1 };
      const { elements } = importanceOf(g.data, inlier, layout, options);
      return mapped(new Tensor(g.shape, "f64", elements), (w) => w * count);
    },
  },
  loss: (target, output, weights) => mean(mul(square(sub(output, target)), weights as Tensor)),
});

function squares(g: Tensor, damping: Damping): (v: number) => number {
  if ("added" in damping) {
    const of = damped(g, damping.added);
    return (v) => of(v) ** 2;
  }
  const { share } = damping;
  let sum = 0;
  for (const v of g.data) sum += v * v;
  const energy = sum / g.size;
  return energy > 0 ? (v) => ((1 - share) * v * v) / energy + share : () => 1;
}

/** |g| + added; 1 where no element has a gradient, and nothing is added. */
function damped(g: Tensor, added: number): (v: number) => number {
  const flat = added === 0 && g.data.every((v: number) => v === 0);
  return flat ? () => 1 : (v) => Math.abs(v) + added;
}

/** Faster by far than `Float32Array.from`, which iterates. */
function mapped({ shape, data }: Tensor, f: (v: number) => number): Tensor {
  const result = new Float32Array(data.length);
  for (let i = 0; i < result.length; i++) result[i] = f(data[i]);
  return new Tensor(shape, "f32", result);
}
