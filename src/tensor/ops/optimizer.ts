import { ShapeError } from "../../errors.ts";
import { type Draw, drawShape, drawTensor } from "../draw.ts";
import { type Call, defineOp, type Op, type OpDef } from "../op.ts";
import { requireFloat, requireSameDtype, requireShape } from "../require.ts";
import { formatShape, sameShape } from "../shape.ts";
import { type Meta, type Tensor, tensor } from "../tensor.ts";

/**
 * The next value of an element from its value, its gradient and its memory, which it updates; `rates` are the numbers
 * that change from step to step.
 */
type ElementRule = (p: number, g: number, memory: Float64Array, rates: ArrayLike<number>) => number;

interface Row<A> {
  readonly name: string;
  /** How many rates a step takes. */
  readonly rates: number;
  /** Numbers remembered of each element. */
  slots(attrs: A): number;
  /** In double, as is the memory; the new value is rounded once, on the store. */
  rule(attrs: A): ElementRule;
  draw(draw: Draw): A;
}

/**
 * One optimisation step of a parameter: its value, gradient, memory f64 [...shape, slots] and the step's rates f64 give
 * the next value and memory.
 */
type UpdateFunction<A> = (p: Tensor, g: Tensor, memory: Tensor, rates: Tensor, attrs: A) => readonly [Tensor, Tensor];
type Update<A> = Op<A, UpdateFunction<A>>;

function inferUpdate(name: string, [p, g, memory, rates]: readonly Meta[], slots: number, count: number): Meta[] {
  requireFloat(name, "p", p);
  requireSameDtype(name, p, g, ["p", "g"]);
  requireShape(name, "g", g, p.shape);
  const doubles = [
    ["memory", memory, [...p.shape, slots]],
    ["rates", rates, [count]],
  ] as const;
  for (const [what, x, shape] of doubles) {
    if (x.dtype === "f64" && sameShape(x.shape, shape)) continue;
    throw new ShapeError(name, `${what} must be f64${formatShape(shape)}, got ${x.dtype}${formatShape(x.shape)}`);
  }
  return [
    { shape: p.shape, dtype: p.dtype },
    { shape: memory.shape, dtype: "f64" },
  ];
}

/** Values that a rule may meet: squares are remembered, so nothing is negative. */
function drawUpdate<A>(row: Row<A>, draw: Draw): Call<A> {
  const attrs = row.draw(draw);
  const shape = drawShape(draw, 0, 3);
  const doubles = (size: readonly number[]) => drawTensor({ ...draw, dtype: "f64" }, size, 0.1, 1);
  return {
    inputs: [drawTensor(draw, shape), drawTensor(draw, shape), doubles([...shape, row.slots(attrs)]), doubles([row.rates])],
    attrs,
  };
}

function update<A>(row: Row<A>): Update<A> {
  const { name, rates: count } = row;
  const def: OpDef<A> = {
    name,
    infer: (inputs, attrs) => inferUpdate(name, inputs, row.slots(attrs), count),
    reference([p, g, memory, rates], attrs, [next, remembered]) {
      const slots = row.slots(attrs);
      const rule = row.rule(attrs);
      const element = new Float64Array(slots);
      for (let i = 0; i < p.data.length; i++) {
        for (let s = 0; s < slots; s++) element[s] = memory.data[i * slots + s];
        next.data[i] = rule(p.data[i], g.data[i], element, rates.data);
        for (let s = 0; s < slots; s++) remembered.data[i * slots + s] = element[s];
      }
    },
    vjp: "none",
    sample: (draw) => drawUpdate(row, draw),
    misuse: (draw) => {
      const { inputs, attrs } = drawUpdate(row, draw);
      return { inputs: [...inputs.slice(0, 3), tensor([1, 1, 1, 1], undefined, "f64")], attrs };
    },
  };
  return defineOp<A, UpdateFunction<A>>(
    def,
    (run) => (p, g, memory, rates, attrs) => run([p, g, memory, rates], attrs) as [Tensor, Tensor],
  );
}

/** `momentum` 0 remembers nothing. */
export interface SgdStepAttrs {
  readonly momentum: number;
  /** Whether the gradient is taken ahead of the momentum. */
  readonly nesterov: boolean;
  /** Share of the parameter that is added to its gradient. */
  readonly weightDecay: number;
}

/**
 * Gradient descent; rates: the learning rate, and the shares of the old momentum and of the gradient in the new one.
 * Shapes: parameter, gradient and momentum have the same shape, any. Errors: ShapeError or DTypeError where they
 * differ.
 */
export const sgdStep: Update<SgdStepAttrs> = update<SgdStepAttrs>({
  name: "sgdStep",
  rates: 3,
  slots: ({ momentum }) => (momentum === 0 ? 0 : 1),
  rule:
    ({ momentum, nesterov, weightDecay }) =>
    (p, g, memory, rates) => {
      const [lr, kept, added] = [rates[0], rates[1], rates[2]];
      const d = g + weightDecay * p;
      if (momentum === 0) return p - lr * d;
      memory[0] = kept * memory[0] + added * d;
      return p - lr * (nesterov ? d + momentum * memory[0] : memory[0]);
    },
  draw: (draw) => ({ momentum: draw.oneOf([0, 0.9]), nesterov: draw.bool(), weightDecay: draw.oneOf([0, 0.1]) }),
});

/** `decoupled`: weight decay shrinks the parameter itself (AdamW), by the first rate. */
export interface AdamStepAttrs {
  /** Decay of the means of the gradient and of its square. */
  readonly betas: readonly [number, number];
  /** Added to the root of the second mean. */
  readonly eps: number;
  /** Share of the parameter that is added to its gradient, or taken from the parameter (AdamW). */
  readonly weightDecay: number;
  /** Whether the largest second mean so far is used. */
  readonly amsgrad: boolean;
  readonly decoupled: boolean;
}

/**
 * Adam and AdamW; rates: the factor 1 - lr · weightDecay, lr / (1 - beta1^t) and √(1 - beta2^t). Shapes: parameter,
 * gradient and means have the same shape, any. Errors: ShapeError or DTypeError where they differ. Source: Kingma and
 * Ba 2015, Algorithm 1; AdamW: Loshchilov and Hutter 2019, Algorithm 2.
 */
export const adamStep: Update<AdamStepAttrs> = update<AdamStepAttrs>({
  name: "adamStep",
  rates: 3,
  slots: ({ amsgrad }) => (amsgrad ? 3 : 2),
  rule:
    ({ betas: [beta1, beta2], eps, weightDecay, amsgrad, decoupled }) =>
    (p, g, memory, rates) => {
      const [shrink, step, root] = [rates[0], rates[1], rates[2]];
      const start = decoupled ? p * shrink : p;
      const d = decoupled ? g : g + weightDecay * p;
      memory[0] = beta1 * memory[0] + (1 - beta1) * d;
      memory[1] = beta2 * memory[1] + (1 - beta2) * d * d;
      if (amsgrad) memory[2] = Math.max(memory[2], memory[1]);
      return start - (step * memory[0]) / (Math.sqrt(memory[amsgrad ? 2 : 1]) / root + eps);
    },
  draw: (draw) => ({
    ...{ betas: [0.9, 0.999], eps: 1e-8, weightDecay: draw.oneOf([0, 0.01]) },
    ...{ amsgrad: draw.bool(), decoupled: draw.bool() },
  }),
});

/** The constants of an RMSprop step. */
export interface RmspropStepAttrs {
  /** Decay of the mean of the squared gradient. */
  readonly alpha: number;
  /** Added to the root of that mean. */
  readonly eps: number;
  /** Share of the last step in the next; 0 for none. */
  readonly momentum: number;
  /** Share of the parameter that is added to its gradient. */
  readonly weightDecay: number;
}

/**
 * RMSprop, not centred; its rate is the learning rate. Shapes: parameter, gradient and state have the same shape, any.
 * Errors: ShapeError or DTypeError where they differ.
 */
export const rmspropStep: Update<RmspropStepAttrs> = update<RmspropStepAttrs>({
  name: "rmspropStep",
  rates: 1,
  slots: ({ momentum }) => (momentum === 0 ? 1 : 2),
  rule:
    ({ alpha, eps, momentum, weightDecay }) =>
    (p, g, memory, rates) => {
      const lr = rates[0];
      const d = g + weightDecay * p;
      memory[0] = alpha * memory[0] + (1 - alpha) * d * d;
      const move = d / (Math.sqrt(memory[0]) + eps);
      if (momentum === 0) return p - lr * move;
      memory[1] = momentum * memory[1] + move;
      return p - lr * memory[1];
    },
  draw: (draw) => ({ alpha: 0.99, eps: 1e-8, momentum: draw.oneOf([0, 0.5]), weightDecay: draw.oneOf([0, 0.1]) }),
});

interface ClipNormAttrs {
  readonly maxNorm: number;
  readonly eps: number;
}

/**
 * Tensors scaled together by min(1, maxNorm / (norm + eps)), and last the norm they had, f64 []; all in double. Errors:
 * DTypeError for integers.
 */
export const clipNorm: Op<ClipNormAttrs, (xs: readonly Tensor[], attrs: ClipNormAttrs) => Tensor[]> = defineOp(
  {
    name: "clipNorm",
    infer(inputs) {
      inputs.forEach((x, i) => {
        requireFloat("clipNorm", `xs[${i}]`, x);
      });
      return [...inputs.map(({ shape, dtype }) => ({ shape, dtype })), { shape: [], dtype: "f64" as const }];
    },
    reference(inputs, { maxNorm, eps }, outputs) {
      let sum = 0;
      for (const { data } of inputs) for (let i = 0; i < data.length; i++) sum += data[i] * data[i];
      const norm = Math.sqrt(sum);
      const factor = Math.min(1, maxNorm / (norm + eps));
      inputs.forEach(({ data }, k) => {
        const to = outputs[k].data;
        for (let i = 0; i < data.length; i++) to[i] = data[i] * factor;
      });
      outputs[inputs.length].data[0] = norm;
    },
    vjp: "none",
    sample: (draw) => ({
      inputs: Array.from({ length: draw.int(0, 3) }, () => drawTensor(draw, drawShape(draw, 0, 3))),
      attrs: { maxNorm: draw.float(0.1, 4), eps: 1e-6 },
    }),
    misuse: () => ({ inputs: [tensor([1], undefined, "i32")], attrs: { maxNorm: 1, eps: 0 } }),
  },
  (run) => (xs: readonly Tensor[], attrs: ClipNormAttrs) => run(xs, attrs),
);
