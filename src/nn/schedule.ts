/** The learning rate of step 0, 1, 2, … */
export type Schedule = (step: number) => number;

/** The same rate throughout. */
export const constant =
  (lr: number): Schedule =>
  () =>
    lr;

/** Half a cosine from `lr` down to `end` over `steps` steps, and back up beyond them. Source: SGDR, eq. 5. */
export const cosine =
  (lr: number, steps: number, end = 0): Schedule =>
  (step) =>
    end + ((lr - end) * (1 + Math.cos((Math.PI * step) / steps))) / 2;

/** Multiplied by `factor` after every `every` steps. */
export const stepwise =
  (lr: number, every: number, factor: number): Schedule =>
  (step) =>
    lr * factor ** Math.floor(step / every);

/** Multiplied by `factor` at each milestone. */
export const milestones =
  (lr: number, at: readonly number[], factor: number): Schedule =>
  (step) =>
    lr * factor ** at.filter((m) => step >= m).length;

/** Multiplied by `factor` after every step. */
export const exponential =
  (lr: number, factor: number): Schedule =>
  (step) =>
    lr * factor ** step;

/** `then`, but rising from `start` times its value to the whole of it during the first `steps` steps. */
export const warmup =
  (then: Schedule, steps: number, start = 0): Schedule =>
  (step) =>
    then(step) * (step >= steps ? 1 : start + ((1 - start) * step) / steps);
