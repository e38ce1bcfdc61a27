import { record } from "../autograd/index.ts";
import { AbortError, ArgumentError } from "../errors.ts";
import { item, type Tensor } from "../tensor/index.ts";
import { clipGradNorm, type Gradients, initialState, type Optimizer, optimizerStep, type Parameters } from "./optim.ts";
import type { Schedule } from "./schedule.ts";

/** How to descend. */
export interface MinimizeOptions {
  readonly optimizer: Optimizer;
  /** Learning rate of each step, or of all of them. */
  readonly lr: number | Schedule;
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

/** One step, seen from outside. `params` are those after the step, `loss` belongs to those before it. */
export interface MinimizeStep {
  readonly step: number;
  readonly loss: number;
  readonly lr: number;
  readonly params: Parameters;
}

/** Where a descent ended. `losses[i]` is the loss before step i. */
export interface Minimum {
  readonly params: Parameters;
  /** The lowest loss when the best is kept, else the loss before the last step; NaN after no step at all. */
  readonly loss: number;
  readonly losses: readonly number[];
}

/** A scalar of the parameters; `step` lets it draw another batch each time. */
export type Loss = (params: Parameters, step: number) => Tensor;

/**
 * Minimises `loss` step by step: the caller drives the generator and may rest, report or stop between steps. A loss
 * that is not finite ends the descent without a step from there.
 *
 * Errors: AbortError when the signal fires.
 */
export function* descend(loss: Loss, start: Parameters, options: MinimizeOptions): Generator<MinimizeStep, Minimum> {
  const { optimizer, steps, clipNorm, keepBest = false, signal } = options;
  if (!Number.isInteger(steps) || steps < 0) throw new ArgumentError("minimize", `steps must be a whole number >= 0, got ${steps}`);
  const rate = typeof options.lr === "number" ? () => options.lr as number : options.lr;
  let params = start;
  let state = initialState();
  let best: { params: Parameters; loss: number } = { params: start, loss: Number.POSITIVE_INFINITY };
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    if (signal?.aborted) throw new AbortError("minimize", `the descent must not be aborted, got an abort before step ${step} of ${steps}`);
    const current = lossAndGradients(loss, params, step);
    losses.push(current.loss);
    if (!Number.isFinite(current.loss)) break;
    if (current.loss < best.loss) best = { params, loss: current.loss };
    const grads = clipNorm === undefined ? current.grads : clipGradNorm(current.grads, clipNorm).grads;
    const lr = rate(step);
    ({ params, state } = optimizerStep(optimizer, params, grads, state, lr));
    yield { step, loss: current.loss, lr, params };
  }
  if (!keepBest) return { params, loss: losses.at(-1) ?? Number.NaN, losses };
  const last = item(loss(params, steps));
  return last < best.loss ? { params, loss: last, losses } : { ...best, losses };
}

/** `descend` in one go, reporting each step to `onStep`. */
export function minimize(loss: Loss, start: Parameters, options: MinimizeOptions, onStep?: (step: MinimizeStep) => void): Minimum {
  const steps = descend(loss, start, options);
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
    onStep?.(next.value);
  }
}

/** The loss and its gradient with respect to every parameter it used. */
function lossAndGradients(loss: Loss, params: Parameters, step: number): { loss: number; grads: Gradients } {
  const { value, tape } = record(() => loss(params, step));
  const used = new Set(tape.entries.flatMap((entry) => entry.inputs));
  const wrt = [...params].filter(([, p]) => used.has(p));
  const found = tape.vjp(
    value,
    wrt.map(([, p]) => p),
  );
  return { loss: item(value), grads: new Map(wrt.map(([name], i) => [name, found[i]])) };
}
