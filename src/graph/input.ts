import { ArgumentError, ShapeError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";
import { formatShape, Tensor } from "../tensor/index.ts";
import type { Port } from "./layer.ts";

/** What a graph runs on: a tensor where it has one input, else all inputs by name. */
export type GraphInput = Tensor | Readonly<Record<string, Tensor>>;

/** The part of a graph that says what it takes. */
interface Ported {
  readonly name: string;
  readonly inputs: readonly Port[];
}

/**
 * The input tensors of a graph in the order of its ports. Shapes and dtypes must be the ports', where -1 stands for one
 * batch that all inputs share.
 *
 * Errors: ArgumentError naming a missing or unknown input; ShapeError naming the input that does not fit.
 */
export function inputTensors(graph: Ported, x: GraphInput): Tensor[] {
  const tensors = x instanceof Tensor ? [only(graph, x)] : graph.inputs.map(({ name }) => named(graph, x, name));
  if (!(x instanceof Tensor)) refuseUnknown(graph, x);
  tensors.forEach((t, i) => requireFit(graph.inputs[i], t));
  requireOneBatch(graph, tensors);
  return tensors;
}

function only(graph: Ported, x: Tensor): Tensor {
  if (graph.inputs.length === 1) return x;
  const names = graph.inputs.map((p) => p.name).join(", ");
  throw new ArgumentError(
    "graph.forward",
    `a graph with ${graph.inputs.length} inputs must get them by name (${names}), got one tensor ${x.dtype}${formatShape(x.shape)}`,
  );
}

function named(graph: Ported, x: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const found = Object.hasOwn(x, name) ? x[name] : undefined;
  if (found instanceof Tensor) return found;
  const unknown = Object.keys(x).filter((key) => !graph.inputs.some((p) => p.name === key));
  if (unknown.length > 0) refuseUnknown(graph, x);
  throw new ArgumentError(
    "graph.forward",
    `input "${name}" must be given, got ${Object.keys(x).join(", ") || "no input"} (graph ${graph.name})`,
  );
}

function refuseUnknown(graph: Ported, x: Readonly<Record<string, Tensor>>): void {
  const names = graph.inputs.map((p) => p.name);
  for (const key of Object.keys(x)) {
    if (names.includes(key)) continue;
    throw new ArgumentError("graph.forward", `every name must be an input of the graph, got "${key}" (${didYouMean(key, names)})`);
  }
}

function requireFit({ name, shape, dtype }: Port, x: Tensor): void {
  const fits = x.shape.length === shape.length && shape.every((d, i) => d === -1 || d === x.shape[i]);
  if (fits && x.dtype === dtype) return;
  throw new ShapeError("graph.forward", `${name} must be ${dtype}${formatShape(shape)}, got ${x.dtype}${formatShape(x.shape)}`);
}

function requireOneBatch({ inputs }: Ported, tensors: readonly Tensor[]): void {
  let first: { name: string; batch: number } | undefined;
  for (const [i, { name, shape }] of inputs.entries()) {
    if (shape[0] !== -1) continue;
    const [batch] = tensors[i].shape;
    first ??= { name, batch };
    if (batch === first.batch) continue;
    throw new ShapeError(
      "graph.forward",
      `all inputs must share one batch, got ${first.name} with ${first.batch} and ${name} with ${batch}`,
    );
  }
}

/** A function of a graph's input that holds memory until it is released. */
export interface PerInput<T> {
  /** Shape: each input as its port says. Errors: as `inputTensors`. */
  (x: GraphInput): T;
  /** Hands its memory on; the next call makes its own anew. */
  release(): void;
}

/**
 * A function of a graph's input, made by `compile` out of `f`: the recording takes the input tensors one by one, however
 * many there are. `compile` and `compileViews` fit. Shape: each input as its port says. Errors: as `inputTensors`.
 */
export function perInput<T>(
  graph: Ported,
  f: (x: Readonly<Record<string, Tensor>>) => T,
  compile: (f: (...tensors: Tensor[]) => NoInfer<T>) => { (...tensors: Tensor[]): NoInfer<T>; release(): void },
): PerInput<T> {
  const run = compile((...tensors) => f(Object.fromEntries(graph.inputs.map(({ name }, i) => [name, tensors[i]]))));
  return Object.assign((x: GraphInput) => run(...inputTensors(graph, x)), { release: () => run.release() });
}
