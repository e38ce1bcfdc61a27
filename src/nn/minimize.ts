import type { Tensors } from "../autograd/index.ts";
import { AbortError, ArgumentError } from "../errors.ts";
import { item, type Tensor } from "../tensor/index.ts";
import { Descent, lossOf, ResidentDescent, ratesOf } from "./descent.ts";
import type { Optimizer, Parameters } from "./optim.ts";
import type { Schedule } from "./schedule.ts";

/** A learning rate of each step, or of all of them. */
export type Rate = number | Schedule;

/** How to descend. */
export interface MinimizeOptions {
  /** The rule of a step. */
  readonly optimizer: Optimizer;
  /** Learning rate of each step, or of all of them; of all parameters, or by name. */
  readonly lr: Rate | ReadonlyMap<string, Rate>;
  /** How many steps are taken. */
  readonly steps: number;
  /** Gradients longer than this, all parameters together, are shortened to it. */
  readonly clipNorm?: number;
  /**
   * Whether the parameters of the lowest loss seen are returned, the start included, instead of the last ones. The
   * loss must then mean the same at every step; it is evaluated once more at the end.
   */
  readonly keepBest?: boolean;
  /** Checked before each step; AbortError when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One step, seen from outside. `params` are those after the step, `loss` belongs to those before it. A descent by
 * batches copies `params` out when they are first read, which must be before the next step.
 */
export interface MinimizeStep {
  readonly step: number;
  readonly loss: number;
  /** The learning rate of this step: of the first parameter where they differ. */
  readonly lr: number;
  readonly params: Parameters;
}

/** Where a descent ended. `losses[i]` is the loss before step i. */
export interface Minimum {
  /** The parameters after the last step. */
  readonly params: Parameters;
  /** The lowest loss when the best is kept, else the loss before the last step; NaN after no step at all. */
  readonly loss: number;
  readonly losses: readonly number[];
}

/** A scalar to descend, or that and parameters that the step gives by itself: running statistics. */
export type LossValue = Tensor | { readonly loss: Tensor; readonly statistics: Parameters };

/** A loss of the parameters; `step` lets it draw another batch each time. */
export type Loss = (params: Parameters, step: number) => LossValue;

/** A loss of the parameters and a batch: pure and in ops only, so that a step can be recorded and replayed. */
export type BatchLoss<B extends Tensors> = (params: Parameters, batch: B) => LossValue;

/** Where a loss by batches takes them from. */
export interface Batches<B extends Tensors> {
  /** The batch of a step: tensors in lists and records, always of the same structure. */
  readonly batch: (step: number) => B;
}

/**
 * Minimises `loss` step by step: the caller drives the generator and may rest, report or stop between steps. A loss
 * that is not finite ends the descent without a step from there.
 *
 * With `batch`, the whole step (loss, gradients, update) is recorded once for each shape of the batches and replayed
 * where parameters and optimizer memory lie: the same bits, sooner.
 *
 * Errors: AbortError when the signal fires; StateError where a loss by batches reads values.
 */
export function descend<B extends Tensors>(
  loss: BatchLoss<B>,
  start: Parameters,
  options: MinimizeOptions & Batches<B>,
): Generator<MinimizeStep, Minimum>;
export function descend(loss: Loss, start: Parameters, options: MinimizeOptions): Generator<MinimizeStep, Minimum>;
export function* descend(
  loss: Loss | BatchLoss<never>,
  start: Parameters,
  options: MinimizeOptions & Partial<Batches<Tensors>>,
): Generator<MinimizeStep, Minimum> {
  const { steps, keepBest = false, signal, batch } = options;
  if (!Number.isInteger(steps) || steps < 0) throw new ArgumentError("minimize", `steps must be a whole number >= 0, got ${steps}`);
  const rates = ratesOf(options.lr, start);
  const descent = batch
    ? new ResidentDescent(loss as BatchLoss<Tensors>, batch, start, rates, options)
    : new Descent(loss as Loss, start, options);
  try {
    let best: { params: Parameters; loss: number } = { params: start, loss: Number.POSITIVE_INFINITY };
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      if (signal?.aborted)
        throw new AbortError("minimize", `the descent must not be aborted, got an abort before step ${step} of ${steps}`);
      const current = descent.compute(step, rates);
      losses.push(current);
      if (!Number.isFinite(current)) break;
      if (keepBest && current < best.loss) best = { params: descent.params(), loss: current };
      descent.advance();
      yield descent.seen(step, current, rates.of(rates.first, step));
    }
    const params = descent.params();
    if (!keepBest) return { params, loss: losses.at(-1) ?? Number.NaN, losses };
    const last = item(lossOf(batch ? loss(params, batch(steps) as never) : (loss as Loss)(params, steps)));
    return last < best.loss ? { params, loss: last, losses } : { ...best, losses };
  } finally {
    descent.release();
  }
}

/**
 * `descend` in one go, reporting each step to `onStep`. Errors: ArgumentError for a number of steps that is not whole,
 * AbortError when `signal` fires.
 */
export function minimize<B extends Tensors>(
  loss: BatchLoss<B>,
  start: Parameters,
  options: MinimizeOptions & Batches<B>,
  onStep?: (step: MinimizeStep) => void,
): Minimum;
export function minimize(loss: Loss, start: Parameters, options: MinimizeOptions, onStep?: (step: MinimizeStep) => void): Minimum;
export function minimize(loss: Loss, start: Parameters, options: MinimizeOptions, onStep?: (step: MinimizeStep) => void): Minimum {
  const steps = descend(loss, start, options);
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
    onStep?.(next.value);
  }
}
