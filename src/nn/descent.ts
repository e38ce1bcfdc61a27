import { flatten, Iteration, rebuild, record, type Tensors } from "../autograd/index.ts";
import { ArgumentError, StateError } from "../errors.ts";
import { clipNorm, item, sameShape, slice, type Tensor } from "../tensor/index.ts";
import type { BatchLoss, Loss, LossValue, MinimizeOptions, MinimizeStep, Rate } from "./minimize.ts";
import { clipGradNorm, emptyMemory, initialState, type Optimizer, optimizerStep, type Parameters } from "./optim.ts";

/** The loss among what a step gives. */
export const lossOf = (value: LossValue): Tensor => ("loss" in value ? value.loss : value);
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

/** Learning rates by name and step. */
export interface Rates {
  /** Whether they differ from parameter to parameter. */
  readonly byName: boolean;
  /** The name of the first parameter. */
  readonly first: string;
  of(name: string, step: number): number;
}

/** Errors: ArgumentError where a parameter has no rate. */
export function ratesOf(lr: MinimizeOptions["lr"], start: Parameters): Rates {
  const [first = ""] = start.keys();
  const at = (rate: Rate, step: number): number => (typeof rate === "number" ? rate : rate(step));
  if (typeof lr === "number" || typeof lr === "function") return { byName: false, first, of: (_, step) => at(lr, step) };
  for (const name of start.keys()) {
    if (!lr.has(name)) throw new ArgumentError("minimize", `every parameter must have a learning rate, got none for "${name}"`);
  }
  return { byName: true, first, of: (name, step) => at(lr.get(name) as Rate, step) };
}

/** A descent whose every step runs by itself. */
export class Descent {
  readonly #loss: Loss;
  readonly #options: MinimizeOptions;
  #params: Parameters;
  #state = initialState();
  #slope: Slope | undefined;
  #lr: (name: string) => number = () => 0;

  constructor(loss: Loss, start: Parameters, options: MinimizeOptions) {
    this.#loss = loss;
    this.#params = start;
    this.#options = options;
  }

  compute(step: number, rates: Rates): number {
    this.#slope = slopeOf(() => this.#loss(this.#params, step), this.#params);
    this.#lr = (name) => rates.of(name, step);
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

  /** It holds no memory of its own. */
  release(): void {}

  seen(step: number, loss: number, lr: number): MinimizeStep {
    return { step, loss, lr, params: this.#params };
  }
}

/** A descent whose steps are replayed; the state of the iteration is parameters, then memories, in the order of the names. */
export class ResidentDescent {
  readonly #batch: (step: number) => Tensors;
  readonly #optimizer: Optimizer;
  readonly #names: readonly string[];
  readonly #iteration: Iteration;
  readonly #rates: Rates;
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
    rates: Rates,
    { optimizer, clipNorm: limit }: MinimizeOptions,
  ) {
    this.#batch = batch;
    this.#rates = rates;
    this.#optimizer = optimizer;
    this.#names = [...start.keys()];
    this.#params = start;
    const memories = [...start.values()].map((p) => emptyMemory(optimizer, p));
    this.#iteration = new Iteration(
      (state, inputs, numbers) => {
        const params = this.#named(state);
        const { loss: value, grads, statistics } = slopeOf(() => loss(params, rebuild(this.#structure as Tensors, inputs)), params);
        this.#requireSame([...grads.keys()]);
        const given = [...grads.values()];
        const clipped = limit === undefined ? given : clipNorm(given, { maxNorm: limit, eps: 1e-6 });
        const next = [...state];
        [...grads.keys()].forEach((name, k) => {
          const at = this.#names.indexOf(name);
          const held = at + this.#names.length;
          [next[at], next[held]] = optimizer.update(state[at], clipped[k], state[held], this.#numbersOf(at, numbers));
        });
        for (const [name, x] of statistics) next[this.#names.indexOf(name)] = x;
        return { value, next };
      },
      [...start.values(), ...memories],
    );
  }

  compute(step: number, rates: Rates): number {
    this.#structure = this.#batch(step);
    const names = rates.byName ? this.#names : [rates.first];
    const numbers = names.flatMap((name) => this.#optimizer.rates(step + 1, rates.of(name, step)));
    return this.#iteration.run(flatten("minimize", "a batch must hold", this.#structure), numbers);
  }

  /** The numbers of parameter `index` among those of the step. */
  #numbersOf(index: number, numbers: Tensor): Tensor {
    if (!this.#rates.byName) return numbers;
    const count = numbers.size / this.#names.length;
    return slice(numbers, { dim: 0, start: index * count, end: (index + 1) * count });
  }

  release(): void {
    this.#iteration.release();
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
