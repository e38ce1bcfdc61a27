import { flatten, Iteration, rebuild, record, type Tensors } from "../autograd/index.ts";
import { AbortError, ArgumentError, StateError } from "../errors.ts";
import { clipNorm, item, sameShape, type Tensor } from "../tensor/index.ts";
import { clipGradNorm, emptyMemory, initialState, type Optimizer, optimizerStep, type Parameters } from "./optim.ts";
import type { Schedule } from "./schedule.ts";

/** How to descend. */
export interface MinimizeOptions {
  /** The rule of a step. */
  readonly optimizer: Optimizer;
  /** Learning rate of each step, or of all of them. */
  readonly lr: number | Schedule;
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
  /** The learning rate of this step. */
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
  const rate = typeof options.lr === "number" ? () => options.lr as number : options.lr;
  const descent = batch
    ? new ResidentDescent(loss as BatchLoss<Tensors>, batch, start, options)
    : new Descent(loss as Loss, start, options);
  let best: { params: Parameters; loss: number } = { params: start, loss: Number.POSITIVE_INFINITY };
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    if (signal?.aborted) throw new AbortError("minimize", `the descent must not be aborted, got an abort before step ${step} of ${steps}`);
    const lr = rate(step);
    const current = descent.compute(step, lr);
    losses.push(current);
    if (!Number.isFinite(current)) break;
    if (keepBest && current < best.loss) best = { params: descent.params(), loss: current };
    descent.advance();
    yield descent.seen(step, current, lr);
  }
  const params = descent.params();
  if (!keepBest) return { params, loss: losses.at(-1) ?? Number.NaN, losses };
  const last = item(lossOf(batch ? loss(params, batch(steps) as never) : (loss as Loss)(params, steps)));
  return last < best.loss ? { params, loss: last, losses } : { ...best, losses };
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

const lossOf = (value: LossValue): Tensor => ("loss" in value ? value.loss : value);
const NONE: Parameters = new Map();

interface Slope {
  readonly loss: Tensor;
  /** By name, of the parameters that the loss depends on. */
  readonly grads: ReadonlyMap<string, Tensor>;
  readonly statistics: Parameters;
}

/** The loss and its gradient with respect to every parameter it used. */
function slopeOf(f: () => LossValue, params: Parameters): Slope {
  const { value, tape } = record(f);
  const [loss, statistics] = "loss" in value ? [value.loss, value.statistics] : [value, NONE];
  for (const [name, x] of statistics) {
    const p = params.get(name);
    if (p?.dtype === x.dtype && sameShape(p.shape, x.shape)) continue;
    throw new ArgumentError("minimize", `every statistic must have the name, shape and dtype of a parameter, got "${name}" ${x}`);
  }
  const used = new Set(tape.entries.flatMap((entry) => entry.inputs));
  const wrt = [...params].filter(([name, p]) => used.has(p) && !statistics.has(name));
  const found = tape.vjp(
    loss,
    wrt.map(([, p]) => p),
  );
  const grads = new Map(wrt.flatMap(([name], i) => (found[i] ? [[name, found[i]] as const] : [])));
  return { loss, grads, statistics };
}

/** A descent whose every step runs by itself. */
class Descent {
  readonly #loss: Loss;
  readonly #options: MinimizeOptions;
  #params: Parameters;
  #state = initialState();
  #slope: Slope | undefined;
  #lr = 0;

  constructor(loss: Loss, start: Parameters, options: MinimizeOptions) {
    this.#loss = loss;
    this.#params = start;
    this.#options = options;
  }

  compute(step: number, lr: number): number {
    this.#slope = slopeOf(() => this.#loss(this.#params, step), this.#params);
    this.#lr = lr;
    return item(this.#slope.loss);
  }

  advance(): void {
    const { optimizer, clipNorm: limit } = this.#options;
    const { grads, statistics } = this.#slope as Slope;
    const clipped = limit === undefined ? grads : clipGradNorm(grads, limit).grads;
    const { params, state } = optimizerStep(optimizer, this.#params, clipped, this.#state, this.#lr);
    this.#params = statistics.size === 0 ? params : new Map([...params, ...statistics]);
    this.#state = state;
  }

  params(): Parameters {
    return this.#params;
  }

  seen(step: number, loss: number, lr: number): MinimizeStep {
    return { step, loss, lr, params: this.#params };
  }
}

/** A descent whose steps are replayed; the state of the iteration is parameters, then memories, in the order of the names. */
class ResidentDescent {
  readonly #batch: (step: number) => Tensors;
  readonly #optimizer: Optimizer;
  readonly #names: readonly string[];
  readonly #iteration: Iteration;
  #structure: Tensors | undefined;
  #learned: readonly string[] | undefined;
  /** The parameters as they are, once they were asked for. */
  #params: Parameters | undefined;
  /** Steps taken. */
  #taken = 0;

  constructor(
    loss: BatchLoss<Tensors>,
    batch: (step: number) => Tensors,
    start: Parameters,
    { optimizer, clipNorm: limit }: MinimizeOptions,
  ) {
    this.#batch = batch;
    this.#optimizer = optimizer;
    this.#names = [...start.keys()];
    this.#params = start;
    const memories = [...start.values()].map((p) => emptyMemory(optimizer, p));
    this.#iteration = new Iteration(
      (state, inputs, rates) => {
        const params = this.#named(state);
        const { loss: value, grads, statistics } = slopeOf(() => loss(params, rebuild(this.#structure as Tensors, inputs)), params);
        this.#requireSame([...grads.keys()]);
        const given = [...grads.values()];
        const clipped = limit === undefined ? given : clipNorm(given, { maxNorm: limit, eps: 1e-6 });
        const next = [...state];
        [...grads.keys()].forEach((name, k) => {
          const at = this.#names.indexOf(name);
          const held = at + this.#names.length;
          [next[at], next[held]] = optimizer.update(state[at], clipped[k], state[held], rates);
        });
        for (const [name, x] of statistics) next[this.#names.indexOf(name)] = x;
        return { value, next };
      },
      [...start.values(), ...memories],
    );
  }

  compute(step: number, lr: number): number {
    this.#structure = this.#batch(step);
    return this.#iteration.run(flatten("minimize", "a batch must hold", this.#structure), this.#optimizer.rates(step + 1, lr));
  }

  advance(): void {
    this.#iteration.advance();
    this.#params = undefined;
    this.#taken++;
  }

  params(): Parameters {
    this.#params ??= this.#named(this.#iteration.state());
    return this.#params;
  }

  #named(state: readonly Tensor[]): Parameters {
    return new Map(this.#names.map((name, i) => [name, state[i]]));
  }

  /** All parameters that are learned are so from the first step on: they share the rates of the step. */
  #requireSame(learned: readonly string[]): void {
    this.#learned ??= learned;
    if (learned.join() === this.#learned.join()) return;
    throw new StateError(
      "minimize",
      `every batch must teach the same parameters, got ${learned.join(", ")} after ${this.#learned.join(", ")}`,
    );
  }

  seen(step: number, loss: number, lr: number): MinimizeStep {
    const read = () => {
      if (this.#taken !== step + 1) throw new StateError("minimize", `the parameters after step ${step} must be read before the next step`);
      return this.params();
    };
    let params: Parameters | undefined;
    return {
      ...{ step, loss, lr },
      get params() {
        params ??= read();
        return params;
      },
    };
  }
}
