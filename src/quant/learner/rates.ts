import { cosine } from "../../nn/index.ts";

/** A learning rate at a step of a descent of so many. */
export type LearningRate = (step: number, total: number) => number;

/** Rates are those of a descent of so many steps: a longer one takes smaller steps, a shorter one larger, so that all can go equally far. */
const STEPS = 150;

/** The same rate from the first step to the last: for what has to decide at the end. */
export const steady =
  (rate: number): LearningRate =>
  (_, total) =>
    (rate * STEPS) / total;

/** A rate that falls to 0 along a cosine. */
export const falling =
  (rate: number): LearningRate =>
  (step, total) =>
    cosine((rate * STEPS) / total, total)(step);
