import { ArgumentError } from "../errors.ts";
import { formatShape, isListened, kernelPolicy, Placeholder, Tensor } from "../tensor/index.ts";
import { ArenaRefused } from "../wasm/index.ts";
import { Program } from "./program.ts";

/** What a compiled function may return: tensors, in lists and records of any depth. */
export type Tensors = Tensor | readonly Tensors[] | { readonly [name: string]: Tensors };

/** How a compiled function keeps its programs. */
export interface CompileOptions {
  /** Shapes of inputs remembered at once; the least recently used is forgotten. Default 4. */
  readonly limit?: number;
}

type TensorFunction<T> = (...inputs: Tensor[]) => T;

/**
 * A function with the values and bits of `f`, recorded once for each shape of its inputs and then replayed in a memory
 * of its own. `f` must be pure and synchronous, and compute with ops only: what it reads besides its inputs is a
 * constant of the recording. Inside `record` or `listen`, and on placeholders, `f` itself runs, so that its steps are
 * seen; and where the runtime refuses the memory.
 *
 * Errors: StateError where `f` reads values while it is recorded, or needs more memory than there can be.
 */
export const compile = <T extends Tensors>(f: TensorFunction<T>, options: CompileOptions = {}): TensorFunction<T> =>
  programmed(f, options, (program, index) => program.read(index));

/**
 * As `compile`, for loops that look at many results and keep none: the results are not copied but read where they lie,
 * so they hold until the next call.
 */
export const compileViews = <T extends Tensors>(f: TensorFunction<T>, options: CompileOptions = {}): TensorFunction<T> =>
  programmed(f, options, (program, index) => program.view(index));

function programmed<T extends Tensors>(
  f: TensorFunction<T>,
  { limit = 4 }: CompileOptions,
  take: (program: Program, output: number) => Tensor,
): TensorFunction<T> {
  if (!Number.isInteger(limit) || limit < 1) throw new ArgumentError("compile", `limit must be a whole number >= 1, got ${limit}`);
  const known = new Map<string, Compiled<T> | "refused">();
  return (...inputs) => {
    if (isListened() || inputs.some((x) => x instanceof Placeholder)) return f(...inputs);
    const key = [kernelPolicy(), ...inputs.map(({ shape, dtype }) => `${dtype}${formatShape(shape)}`)].join(" ");
    const compiled = recalled(known, key, limit, () => compileFor(f, inputs));
    if (compiled === "refused") return f(...inputs);
    const { program, rebuild } = compiled;
    inputs.forEach((x, i) => program.write(i, x));
    program.run();
    return rebuild(program.outputs.map((_, i) => take(program, i)));
  };
}

/** The value of a key, made where it is missing; beyond `limit` the least recently used is forgotten. */
function recalled<V>(known: Map<string, V>, key: string, limit: number, make: () => V): V {
  const value = known.get(key) ?? make();
  known.delete(key);
  known.set(key, value);
  if (known.size > limit) known.delete(known.keys().next().value as string);
  return value;
}

interface Compiled<T> {
  readonly program: Program;
  /** Puts the outputs back where the function had them. */
  rebuild(outputs: readonly Tensor[]): T;
}

/** "refused" where the runtime does not give a program its memory: then the function itself runs. */
function compileFor<T extends Tensors>(f: TensorFunction<T>, inputs: readonly Tensor[]): Compiled<T> | "refused" {
  let result: T | undefined;
  const flat = (...xs: Tensor[]): Tensor[] => {
    result = f(...xs);
    const found: Tensor[] = [];
    visit(result, (x) => found.push(x));
    return found;
  };
  try {
    const program = new Program(flat, inputs);
    return { program, rebuild: (outputs) => rebuilt(result as T, [...outputs].reverse()) as T };
  } catch (error) {
    if (error instanceof ArenaRefused) return "refused";
    throw error;
  }
}

function visit(value: Tensors, see: (x: Tensor) => void): void {
  if (value instanceof Tensor) {
    see(value);
    return;
  }
  if (typeof value !== "object" || value === null || value instanceof Promise) {
    throw new ArgumentError("compile", `the function must return tensors, got ${value instanceof Promise ? "a promise" : typeof value}`);
  }
  for (const part of Object.values(value)) visit(part, see);
}

/** The structure of `value` with its tensors taken from the end of `left`. */
function rebuilt(value: Tensors, left: Tensor[]): Tensors {
  if (value instanceof Tensor) return left.pop() as Tensor;
  if (Array.isArray(value)) return value.map((part) => rebuilt(part, left));
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, rebuilt(part, left)]));
}
