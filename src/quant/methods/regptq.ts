import { z } from "zod";
import { byGrid } from "../learner/byGrid.ts";
import { levelRounding } from "../learner/levelRounding.ts";
import { logAffineRounding } from "../learner/logAffineRounding.ts";
import { rounding } from "../learner/rounding.ts";
import { defineMethod, type LayerRole, onLevels } from "../method.ts";
import { filteredGlobal } from "../objective/filteredGlobal.ts";
import { fisherError, outputError } from "../objective/reconstruction.ts";
import { logAffine } from "../quantizer/logAffine.ts";
import { againstFloat } from "../reconstruct/evidence.ts";
import type { LearningStage } from "../reconstruct/reconstruction.ts";
import { type DescentSettings, descentOf, settingsOf } from "../reconstruct/settings.ts";
import type { Scheme } from "../scheme.ts";
import { GLOBAL_EVERY, GLOBAL_SHAPE, type GlobalOptions, searchedRanges } from "./learning.ts";
import { DROPPING_SHAPE, type DroppingOptions, dropped, dropping } from "./qdrop.ts";

/** Options of the method. */
export interface RegptqOptions extends DescentSettings, DroppingOptions, GlobalOptions {
  /** What learns at a time. Default "block". */
  readonly unit?: "layer" | "block" | "network";
  /** Whether units learn with the filtered global loss and its gradients (FGIC), or as QDrop does. Default true. */
  readonly filteredGlobal?: boolean;
  /** Grids of the weights of quantized head layers: "shift" (default), "exact", or "none" for uniform ones. */
  readonly logAffine?: "shift" | "exact" | "none";
  /**
   * Learning rate of the logarithms of what moves those grids: of scales in mode "shift", of k and a by side in mode "exact".
   * 0: they stay, and only rounding learns. Default 0.0003.
   */
  readonly gridRate?: number;
  /** Least score of a box that counts. Default 2e-4. */
  readonly thetaC?: number;
  /** Least IoU with the float network's box. Default 0.1. */
  readonly thetaI?: number;
  /** Weight of boxes beside scores. Default 1. */
  readonly lambda?: number;
  /** Power of the box distance. Default 1. */
  readonly p?: number;
  /** Share of unweighted error beside the squared gradients. Default 0.1. */
  readonly rho?: number;
}

const share = z.number().min(0).max(1);

/**
 * Learning rate of grids. On nets of a few layers faster ones lower the error of soft weights and raise that of hard ones
 * (docs/decisions/008-learning.md).
 */
const GRID_RATE = 3e-4;

const SHAPE = {
  ...DROPPING_SHAPE,
  ...GLOBAL_SHAPE,
  filteredGlobal: z.boolean(),
  logAffine: z.enum(["shift", "exact", "none"]),
  gridRate: z.number().min(0),
  thetaC: share,
  thetaI: share,
  lambda: z.number().min(0),
  p: z.number().min(1),
  rho: share,
};

/**
 * QDrop with errors weighed by squared gradients of a global loss, and that loss beside them (filtered global loss
 * integration calibration); logarithmic grids for the weights of the head (learnable logarithmic-affine quantizer), where
 * the policy quantizes any of it. Source: Zhou et al. 2024 (Reg-PTQ), eq. 3-11 and Algorithm 1.
 *
 * Unstated: p, lambda and the balance of the two losses, each of which counts relative to its start.
 */
export const regptq = defineMethod(SHAPE, (options: RegptqOptions) => {
  const {
    unit = "block",
    filteredGlobal: global = true,
    logAffine: mode = "shift",
    gridRate = GRID_RATE,
    globalEvery = GLOBAL_EVERY,
    kept,
    rate,
    biasRate,
    scaleRate,
    ...rest
  } = options;
  const { thetaC = 2e-4, thetaI = 0.1, lambda = 1, p = 1, rho = 0.1, ...descent } = rest;
  const drop = dropped({ kept, rate, biasRate, scaleRate });
  const loss = filteredGlobal({ thetaC, thetaI, lambda, p });
  const levels =
    gridRate > 0 && mode !== "none" ? logAffineRounding(mode, { rounding: drop.rate, grid: gridRate }) : levelRounding(drop.rate);
  const stage: LearningStage = {
    ...dropping(drop),
    weights: byGrid(rounding(drop.rate), levels),
    objective: global ? fisherError(againstFloat(loss), { share: rho }) : outputError(),
    ...(global && { global: { objective: loss, every: globalEvery } }),
  };
  return {
    name: "regptq",
    cite: "Reg-PTQ, CVPR 2024",
    about: "QDrop with errors weighed by gradients of a filtered loss of scores and boxes; logarithmic grids for the head.",
    options: {
      unit,
      filteredGlobal: global,
      logAffine: mode,
      gridRate,
      globalEvery,
      thetaC,
      thetaI,
      lambda,
      p,
      rho,
      ...drop,
      ...settingsOf(descent),
    },
    ...searchedRanges,
    ...(mode !== "none" && {
      weightLevels: (_: unknown, { signed }: Scheme, { head }: LayerRole) => (head && signed ? onLevels(logAffine({ mode })) : undefined),
    }),
    reconstruction: { unit, stages: [stage], descent: descentOf(descent) },
  };
});
