import { ArgumentError } from "../errors.ts";
import { adamStep, clipNorm, formatShape, item, rmspropStep, sameShape, sgdStep, type Tensor, tensor, zeros } from "../tensor/index.ts";

/** Tensors by parameter name. */
export type Parameters = ReadonlyMap<string, Tensor>;

/** Gradients by parameter name; a parameter without one stays as it is. */
export type Gradients = ReadonlyMap<string, Tensor | undefined>;

/** One optimisation rule. It remembers `slots` numbers for every parameter element. */
export interface Optimizer {
  /** As states and messages write it. */
  readonly name: string;
  readonly slots: number;
  /** The numbers that change from step to step: for the t-th gradient of a parameter (t = 1, 2, …) and a learning rate. */
  rates(t: number, lr: number): readonly number[];
  /**
   * The step itself, in ops: the next value and memory of a parameter from its value, its gradient, its memory
   * f64 [...shape, slots] and the rates f64.
   */
  update(p: Tensor, g: Tensor, memory: Tensor, rates: Tensor): readonly [p: Tensor, memory: Tensor];
}

/** What an optimizer carries from step to step; a value, never changed. */
export interface OptimizerState {
  /** Steps taken. */
  readonly steps: number;
  /** Gradients each parameter has had: fewer than `steps` where some steps had none for it. */
  readonly updates: ReadonlyMap<string, number>;
  /** What the rule remembers of each parameter, f64 [...shape, slots]. */
  readonly memory: ReadonlyMap<string, Tensor>;
}

/** The state before the first step. */
export const initialState = (): OptimizerState => ({ steps: 0, updates: new Map(), memory: new Map() });

/**
 * One step: (parameters, gradients, state) → (parameters, state), at one learning rate or one by name. Arithmetic is in double, results take the
 * parameter's dtype.
 *
 * Errors: ArgumentError when a gradient's name or shape fits no parameter, or the state is another optimizer's.
 *
 * Shapes: gradients have the same shapes as their parameters.
 */
export function optimizerStep(
  optimizer: Optimizer,
  params: Parameters,
  grads: Gradients,
  state: OptimizerState,
  lr: number | ((name: string) => number),
): { params: Map<string, Tensor>; state: OptimizerState } {
  const next = new Map<string, Tensor>(params);
  const updates = new Map(state.updates);
  const memory = new Map(state.memory);
  for (const [name, g] of grads) {
    if (!g) continue;
    const p = params.get(name);
    if (!p) throw new ArgumentError("optimizerStep", `every gradient must belong to a parameter, got one for "${name}"`);
    if (!sameShape(p.shape, g.shape)) {
      throw new ArgumentError(
        "optimizerStep",
        `the gradient of ${name} must have shape ${formatShape(p.shape)}, got ${formatShape(g.shape)}`,
      );
    }
    const t = (state.updates.get(name) ?? 0) + 1;
    const rates = optimizer.rates(t, typeof lr === "number" ? lr : lr(name));
    const [value, held] = optimizer.update(p, g, remembered(optimizer, name, p, state), tensor(rates, [rates.length], "f64"));
    next.set(name, value);
    updates.set(name, t);
    memory.set(name, held);
  }
  return { params: next, state: { steps: state.steps + 1, updates, memory } };
}

/** Memory before the first gradient. */
export const emptyMemory = ({ slots }: Optimizer, p: Tensor): Tensor => zeros([...p.shape, slots], "f64");

/** What the state holds of a parameter. */
function remembered(optimizer: Optimizer, name: string, p: Tensor, state: OptimizerState): Tensor {
  const { name: rule, slots } = optimizer;
  const before = state.memory.get(name) ?? emptyMemory(optimizer, p);
  if (before.size === p.size * slots) return before;
  throw new ArgumentError(
    "optimizerStep",
    `the state must hold ${p.size * slots} numbers for ${name}, got ${before.size} (${rule}: ${slots} for each of ${p.size} elements)`,
  );
}

/** Options of `sgd`, named and defaulted as in PyTorch. */
export interface SgdOptions {
  /** Share of the last step in the next. Default 0. */
  readonly momentum?: number;
  /** Share of the gradient kept out of the momentum. Default 0. */
  readonly dampening?: number;
  /** Whether the gradient is taken ahead of the momentum. Default false. */
  readonly nesterov?: boolean;
  /** Share of the parameter added to its gradient. Default 0. */
  readonly weightDecay?: number;
}

/** Gradient descent, with momentum if asked. */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
  return {
    name: "sgd",
    slots: momentum === 0 ? 0 : 1,
    // The first momentum is the gradient itself: -0 times the empty memory is -0, which no sum takes notice of.
    rates: (t, lr) => (t === 1 ? [lr, -0, 1] : [lr, momentum, 1 - dampening]),
    update: (p, g, memory, rates) => sgdStep(p, g, memory, rates, { momentum, nesterov, weightDecay }),
  };
}

/** Options of `adam` and `adamW`, named and defaulted as in PyTorch. */
export interface AdamOptions {
  /** Decay of the means of the gradient and of its square. Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second mean. Default 1e-8. */
  readonly eps?: number;
  /** Share of the parameter added to its gradient, or taken from the parameter (AdamW). */
  readonly weightDecay?: number;
  /** Whether the largest second mean so far is used. Default false. */
  readonly amsgrad?: boolean;
}

/** Adam (Kingma and Ba 2015); `weightDecay` is added to the gradient. */
export const adam = (options: AdamOptions = {}): Optimizer => adamFamily("adam", options, false);

/** AdamW (Loshchilov and Hutter 2019); `weightDecay` shrinks the parameter itself. Default 0.01. */
export const adamW = (options: AdamOptions = {}): Optimizer => adamFamily("adamW", { weightDecay: 0.01, ...options }, true);

function adamFamily(name: string, options: AdamOptions, decoupled: boolean): Optimizer {
  const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false } = options;
  const [beta1, beta2] = betas;
  return {
    name,
    slots: amsgrad ? 3 : 2,
    rates: (t, lr) => [1 - lr * weightDecay, lr / (1 - beta1 ** t), Math.sqrt(1 - beta2 ** t)],
    update: (p, g, memory, rates) => adamStep(p, g, memory, rates, { betas, eps, weightDecay, amsgrad, decoupled }),
  };
}

/** Options of `rmsprop`, named and defaulted as in PyTorch. */
export interface RmspropOptions {
  /** Decay of the mean of the squared gradient. Default 0.99. */
  readonly alpha?: number;
  /** Added to the root of that mean. Default 1e-8. */
  readonly eps?: number;
  /** Share of the last step in the next. Default 0. */
  readonly momentum?: number;
  /** Share of the parameter added to its gradient. Default 0. */
  readonly weightDecay?: number;
}

/** RMSprop (Tieleman and Hinton 2012), not centred. */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  const { alpha = 0.99, eps = 1e-8, momentum = 0, weightDecay = 0 } = options;
  return {
    name: "rmsprop",
    slots: momentum === 0 ? 1 : 2,
    rates: (_, lr) => [lr],
    update: (p, g, memory, rates) => rmspropStep(p, g, memory, rates, { alpha, eps, momentum, weightDecay }),
  };
}

/** All gradients scaled by min(1, maxNorm / (norm + eps)), and the norm they had together. Any shapes, kept. */
export function clipGradNorm(grads: Gradients, maxNorm: number, eps = 1e-6): { grads: Map<string, Tensor | undefined>; norm: number } {
  const given = [...grads].filter((entry): entry is [string, Tensor] => entry[1] !== undefined);
  const found = clipNorm(
    given.map(([, g]) => g),
    { maxNorm, eps },
  );
  const clipped = new Map(given.map(([name], i) => [name, found[i]]));
  return { grads: new Map(Array.from(grads.keys(), (name) => [name, clipped.get(name)])), norm: item(found[given.length]) };
}
