import type { Draw } from "./draw.ts";
import { accelerate } from "./kernels/dispatch.ts";
import { sizeOf } from "./shape.ts";
import { allocate, type Meta, Placeholder, Tensor } from "./tensor.ts";

/** One call of an op: its tensors and everything else. */
export interface Call<A> {
  /** The operands; shapes are checked by `infer`. */
  readonly inputs: readonly Tensor[];
  /** The options, filled in. */
  readonly attrs: A;
}

/** What a derivative rule may look at. `wants[i]` is false where no gradient is asked for. */
export interface VjpContext<A> extends Call<A> {
  readonly outputs: readonly Tensor[];
  readonly wants: readonly boolean[];
}

/**
 * Vector-Jacobian product, written in ops so that it can be differentiated again.
 * `cotangents[j]` is undefined where output j does not influence the root. Returns one entry per
 * input; undefined means zero, and is required where `wants[i]` is false.
 */
export type VjpRule<A> = (cotangents: readonly (Tensor | undefined)[], call: VjpContext<A>) => readonly (Tensor | undefined)[];

/**
 * The function whose true derivative a straight-through op borrows, frozen at the point of
 * evaluation: given the call at that point, returns a smooth function of its inputs.
 */
export type Surrogate<A> = (at: Call<A>) => (inputs: readonly Tensor[]) => readonly Tensor[];

/** Everything the library knows about one primitive. */
export interface OpDef<A> {
  /** The name of the exported function, and of the op in tapes, tables and kernels. */
  readonly name: string;
  /** Shapes and dtypes of the outputs. The only place that throws ShapeError or DTypeError. */
  infer(inputs: readonly Meta[], attrs: A): Meta[];
  /** The specification: plain loops, for f32 and f64, that write every element of `outputs`. */
  reference(inputs: readonly Tensor[], attrs: A, outputs: readonly Tensor[]): void;
  /** "none" for ops without a gradient (indices, codes). */
  readonly vjp: VjpRule<A> | "none";
  /** Given if and only if `vjp` is not the true derivative. */
  readonly surrogate?: Surrogate<A>;
  /** True where the op is twice differentiable around every sampled call. Default true. */
  readonly smooth?: boolean;
  /** True where the output has the values of the first input in the same order: it then shares their storage. */
  readonly view?: true;
  /** Multiply-accumulates of a call, where they matter (conv, matmul). */
  macs?(inputs: readonly Meta[], attrs: A): number;
  /** A random valid call, clear of kinks. */
  sample(draw: Draw): Call<A>;
  /** A call that must throw. */
  misuse?(draw: Draw): Call<A>;
}

/**
 * The definition of some op. Attributes are contravariant in `reference` and covariant in `sample`: a list of mixed ops
 * needs `any`.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyOp = OpDef<any>;

/** A public op: an ordinary function that carries its definition. */
export type Op<A, F> = F & { readonly def: OpDef<A> };

/**
 * Makes the public function of an op; `build` receives the bound runner and shapes the signature. Its operands have
 * any shapes that `def.infer` accepts. Shape: any that `def.infer` takes.
 */
export function defineOp<A, F extends (...args: never[]) => unknown>(
  def: OpDef<A>,
  build: (run: (inputs: readonly Tensor[], attrs: A) => Tensor[]) => F,
): Op<A, F> {
  const call = build((inputs, attrs) => bind(def, inputs, attrs));
  return Object.defineProperty(call, "def", { value: def, enumerable: true }) as Op<A, F>;
}

/** What listeners see after each op call. */
export interface OpEvent {
  /** The op that ran. */
  readonly def: AnyOp;
  /** Its operands. */
  readonly inputs: readonly Tensor[];
  /** Its options, filled in. */
  readonly attrs: unknown;
  /** What it returned. */
  readonly outputs: readonly Tensor[];
  /** What produced the outputs: a fast kernel, the reference loops, or nothing where only shapes moved. */
  readonly ranBy: "kernel" | "reference" | "nothing";
}

/** Called after each op call while `listen` runs. */
export type Listener = (event: OpEvent) => void;

const listeners: Listener[] = [];

/** Whether anyone is listening. */
export const isListened = (): boolean => listeners.length > 0;

/** Runs `f` while `listener` sees every op call. Listeners nest; `f` must be synchronous. */
export function listen<T>(listener: Listener, f: () => T): T {
  const depth = listeners.push(listener);
  try {
    return f();
  } finally {
    listeners.length = depth - 1;
  }
}

/**
 * The single point every op call passes: infer, run, announce. Operands have any shapes that `def.infer` accepts, which
 * throws for all others.
 */
export function bind<A>(def: OpDef<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  const metas = def.infer(inputs, attrs);
  const { outputs, ranBy } = compute(def, inputs, attrs, metas);
  if (listeners.length > 0) {
    const event: OpEvent = { def, inputs, attrs, outputs, ranBy };
    for (let i = 0; i < listeners.length; i++) listeners[i]!(event);
  }
  return outputs;
}

function compute<A>(
  def: OpDef<A>,
  inputs: readonly Tensor[],
  attrs: A,
  metas: readonly Meta[],
): Pick<OpEvent, "outputs" | "ranBy"> & { outputs: Tensor[] } {
  if (inputs.some((x) => x instanceof Placeholder)) return { outputs: metas.map((meta) => new Placeholder(meta)), ranBy: "nothing" };
  if (def.view) return { outputs: metas.map(({ shape, dtype }) => new Tensor(shape, dtype, inputs[0].data)), ranBy: "nothing" };
  const fast = accelerate(def.name, inputs, attrs, metas);
  if (fast) return { outputs: fast, ranBy: "kernel" };
  const outputs = metas.map((m) => new Tensor(m.shape, m.dtype, allocate(m.dtype, sizeOf(m.shape))));
  def.reference(inputs, attrs, outputs);
  return { outputs, ranBy: "reference" };
}
