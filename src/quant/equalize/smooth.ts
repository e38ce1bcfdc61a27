import { ArgumentError } from "../../errors.ts";
import type { Graph } from "../../graph/index.ts";
import { positivePower } from "./channels.ts";
import { ChangedParameters, type Rewrite } from "./parameters.ts";
import { findSeams } from "./seams.ts";
import type { ChannelStatistics } from "./statistics.ts";

/** How smoothing balances. */
export interface SmoothOptions {
  /** Share of the difficulty that moves from activations to weights, 0 to 1. Default 0.5. */
  readonly alpha?: number;
}

/** Largest magnitudes of activations, by the name of the tensor that layers read. */
export type LargestValues = ReadonlyMap<string, Pick<ChannelStatistics, "largest">>;

/** Smallest magnitude that either side is taken to have: keeps factors of dead channels positive and finite. */
const FLOOR = 1e-5;

/**
 * SmoothQuant: channel c of an activation is divided by s = max|X_c|^alpha / max|W_c|^(1 - alpha), the weights that read
 * it are multiplied by s. Layers that read the same tensor share one s, from the largest of their weights; 1/s is folded
 * into the layer or normalisation before. Tensors without statistics stay as they are.
 *
 * Source: Xiao et al. 2023, eq. 4; both magnitudes are at least 1e-5. Errors: ArgumentError for alpha outside 0..1.
 */
export function smooth(graph: Graph, statistics: LargestValues, { alpha = 0.5 }: SmoothOptions = {}): Rewrite {
  if (!(alpha >= 0 && alpha <= 1)) throw new ArgumentError("smooth", `alpha must lie in 0..1, got ${alpha}`);
  const parameters = new ChangedParameters(graph);
  const changed: string[] = [];
  for (const seam of findSeams(graph)) {
    const known = statistics.get(seam.tensor);
    if (!known) continue;
    const weights = parameters.largestRead(seam);
    parameters.scale(
      seam,
      known.largest.map((x, c) => positivePower(Math.max(x, FLOOR), alpha) / positivePower(Math.max(weights[c], FLOOR), 1 - alpha)),
    );
    changed.push(seam.tensor);
  }
  return { graph: parameters.graph(), changed, keep: [] };
}
