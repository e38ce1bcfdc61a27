import { abs, mean, pow, square, sub } from "../../tensor/index.ts";
import type { UnitObjective } from "../reconstruct/reconstruction.ts";

/** Mean over positions of the sum over channels of |y^ - y|^p. Source: AdaRound (p = 2), BRECQ's activations (p = 2.4). */
export const outputError = (p = 2): UnitObjective => ({
  name: p === 2 ? "mse" : `lp${p}`,
  evidence: "none",
  loss(target, output) {
    const d = sub(output, target);
    return mean(p === 2 ? square(d) : pow(abs(d), p));
  },
});
