import { z } from "zod";
import type { DescentOptions } from "./reconstruction.ts";

/**
 * What every learning method lets a user set about its descents.
 *
 * Departure: the sources take 10 000 to 20 000 steps of 32 samples with a warm-up of 0.2 and a sharpness from 20; with as few
 * steps as defaults have, weights are to decide earlier (docs/decisions/008-learning.md).
 */
export interface DescentSettings {
  /** Steps of each unit, where no budget decides. Default 150. */
  readonly steps?: number;
  /** Samples a step. Default 2. */
  readonly batch?: number;
  /** Weight of the pull towards codes, relative to the error at the start. Default 4. */
  readonly pull?: number;
  /** Share of the steps before the pull begins. Default 0.1. */
  readonly warmup?: number;
  /** Sharpness of the pull when it begins and at the end, defaults 10 and 2; how it falls, default "linear". */
  readonly betaStart?: number;
  readonly betaEnd?: number;
  readonly betaShape?: "linear" | "cosine";
}

/** Schema of the settings. */
export const DESCENT_SHAPE = {
  steps: z.int().min(0),
  batch: z.int().min(1),
  pull: z.number().min(0),
  warmup: z.number().min(0).max(1),
  betaStart: z.number().min(1),
  betaEnd: z.number().min(1),
  betaShape: z.enum(["linear", "cosine"]),
};

/** The settings with their defaults, as options and records have them. */
export function settingsOf(s: DescentSettings): Required<DescentSettings> {
  const { steps = 150, batch = 2, pull = 4, warmup = 0.1, betaStart = 10, betaEnd = 2, betaShape = "linear" } = s;
  return { steps, batch, pull, warmup, betaStart, betaEnd, betaShape };
}

/** The settings with their defaults, as descents take them. */
export function descentOf(s: DescentSettings): DescentOptions {
  const { steps, batch, pull, warmup, betaStart, betaEnd, betaShape } = settingsOf(s);
  return { steps, batch, pull, sharpness: { warmup, start: betaStart, end: betaEnd, shape: betaShape } };
}
