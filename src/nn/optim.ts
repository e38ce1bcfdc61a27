import { ArgumentError } from "../errors.ts";
import { allocate, type Data, formatShape, sameShape, Tensor } from "../tensor/index.ts";

/** Tensors by parameter name. */
export type Parameters = ReadonlyMap<string, Tensor>;

/** Gradients by parameter name; a parameter without one stays as it is. */
export type Gradients = ReadonlyMap<string, Tensor | undefined>;

/**
 * One optimisation rule. It remembers `slots` numbers for every parameter element; `rule` gives, for the t-th gradient
 * of a parameter (t = 1, 2, …) and a learning rate, the new value of an element from its value, its gradient and its
 * memory (which it updates).
 */
export interface Optimizer {
  readonly name: string;
  readonly slots: number;
  rule(t: number, lr: number): (p: number, g: number, memory: Float64Array) => number;
}

/** What an optimizer carries from step to step; a value, never changed. */
export interface OptimizerState {
  /** Steps taken. */
  readonly steps: number;
  /** Gradients each parameter has had: fewer than `steps` where some steps had none for it. */
  readonly updates: ReadonlyMap<string, number>;
  /** What the rule remembers of each parameter, `slots` numbers per element. */
  readonly memory: ReadonlyMap<string, Float64Array>;
}

/** The state before the first step. */
export const initialState = (): OptimizerState => ({ steps: 0, updates: new Map(), memory: new Map() });

/**
 * One step: (parameters, gradients, state) → (parameters, state). Arithmetic is in double, results take the
 * parameter's dtype.
 *
 * Errors: ArgumentError when a gradient's name or shape fits no parameter, or the state is another optimizer's.
 */
export function optimizerStep(
  optimizer: Optimizer,
  params: Parameters,
  grads: Gradients,
  state: OptimizerState,
  lr: number,
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
    const updated = updateAll(p, g, remembered(optimizer, name, p, state), optimizer.slots, optimizer.rule(t, lr));
    next.set(name, new Tensor(p.shape, p.dtype, updated.values));
    updates.set(name, t);
    memory.set(name, updated.memory);
  }
  return { params: next, state: { steps: state.steps + 1, updates, memory } };
}

/** What the state holds of a parameter; zeros before its first gradient. */
function remembered({ name: rule, slots }: Optimizer, name: string, p: Tensor, state: OptimizerState): Float64Array {
  const count = p.size * slots;
  const before = state.memory.get(name) ?? new Float64Array(count);
  if (before.length === count) return before;
  throw new ArgumentError(
    "optimizerStep",
    `the state must hold ${count} numbers for ${name}, got ${before.length} (${rule}: ${slots} for each of ${p.size} elements)`,
  );
}

function updateAll(
  p: Tensor,
  g: Tensor,
  before: Float64Array,
  slots: number,
  update: (p: number, g: number, memory: Float64Array) => number,
): { values: Data; memory: Float64Array } {
  const values = allocate(p.dtype, p.size);
  const memory = Float64Array.from(before);
  const scratch = new Float64Array(slots);
  for (let i = 0; i < values.length; i++) {
    for (let s = 0; s < slots; s++) scratch[s] = memory[i * slots + s];
    values[i] = update(p.data[i], g.data[i], scratch);
    for (let s = 0; s < slots; s++) memory[i * slots + s] = scratch[s];
  }
  return { values, memory };
}

/** Options of `sgd`, named and defaulted as in PyTorch. */
export interface SgdOptions {
  readonly momentum?: number;
  readonly dampening?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
}

/** Gradient descent, with momentum if asked. */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
  return {
    name: "sgd",
    slots: momentum === 0 ? 0 : 1,
    rule: (t, lr) => (p, g, memory) => {
      const d = g + weightDecay * p;
      if (momentum === 0) return p - lr * d;
      memory[0] = t === 1 ? d : momentum * memory[0] + (1 - dampening) * d;
      return p - lr * (nesterov ? d + momentum * memory[0] : memory[0]);
    },
  };
}

/** Options of `adam` and `adamW`, named and defaulted as in PyTorch. */
export interface AdamOptions {
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly weightDecay?: number;
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
    rule(t, lr) {
      const step = lr / (1 - beta1 ** t);
      const root = Math.sqrt(1 - beta2 ** t);
      return (p, g, memory) => {
        const start = decoupled ? p * (1 - lr * weightDecay) : p;
        const d = decoupled ? g : g + weightDecay * p;
        memory[0] = beta1 * memory[0] + (1 - beta1) * d;
        memory[1] = beta2 * memory[1] + (1 - beta2) * d * d;
        if (amsgrad) memory[2] = Math.max(memory[2], memory[1]);
        return start - (step * memory[0]) / (Math.sqrt(memory[amsgrad ? 2 : 1]) / root + eps);
      };
    },
  };
}

/** Options of `rmsprop`, named and defaulted as in PyTorch. */
export interface RmspropOptions {
  readonly alpha?: number;
  readonly eps?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
}

/** RMSprop (Tieleman and Hinton 2012), not centred. */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  const { alpha = 0.99, eps = 1e-8, momentum = 0, weightDecay = 0 } = options;
  return {
    name: "rmsprop",
    slots: momentum === 0 ? 1 : 2,
    rule: (_, lr) => (p, g, memory) => {
      const d = g + weightDecay * p;
      memory[0] = alpha * memory[0] + (1 - alpha) * d * d;
      const move = d / (Math.sqrt(memory[0]) + eps);
      if (momentum === 0) return p - lr * move;
      memory[1] = momentum * memory[1] + move;
      return p - lr * memory[1];
    },
  };
}

/** All gradients scaled by min(1, maxNorm / (norm + eps)), and the norm they had together. */
export function clipGradNorm(grads: Gradients, maxNorm: number, eps = 1e-6): { grads: Map<string, Tensor | undefined>; norm: number } {
  let sum = 0;
  for (const g of grads.values()) for (const v of g?.data ?? []) sum += v * v;
  const norm = Math.sqrt(sum);
  const factor = Math.min(1, maxNorm / (norm + eps));
  if (factor === 1) return { grads: new Map(grads), norm };
  const scaled = (g: Tensor) => {
    const data = allocate(g.dtype, g.size);
    for (let i = 0; i < data.length; i++) data[i] = g.data[i] * factor;
    return new Tensor(g.shape, g.dtype, data);
  };
  return { grads: new Map(Array.from(grads, ([name, g]) => [name, g && scaled(g)])), norm };
}
