import { ArgumentError } from "../errors.ts";
import { formatShape, isListened, kernelPolicy, Placeholder, Tensor } from "../tensor/index.ts";
import { Program } from "./program.ts";

/** What a compiled function may return: tensors, in lists and records of any depth. */
export type Tensors = Tensor | readonly Tensors[] | { readonly [name: string]: Tensors };

/** How a compiled function keeps its programs. */
export interface CompileOptions {
  /** Shapes of inputs remembered at once; the least recently used is forgotten. Default 4. */
  readonly limit?: number;
}

/**
 * A function with the values and bits of `f`, recorded once for each shape of its inputs and then replayed in a memory
 * of its own. `f` must be pure and synchronous, and compute with ops only: what it reads besides its inputs is a
 * constant of the recording. Inside `record` or `listen`, and on placeholders, `f` itself runs, so that its steps are
 * seen.
 *
 * Errors: StateError where `f` reads values while it is recorded, or needs more memory than there can be.
 */
export function compile<T extends Tensors>(f: (...inputs: Tensor[]) => T, { limit = 4 }: CompileOptions = {}): (...inputs: Tensor[]) => T {
  if (!Number.isInteger(limit) || limit < 1) throw new ArgumentError("compile", `limit must be a whole number >= 1, got ${limit}`);
  const known = new Map<string, Compiled<T>>();
  return (...inputs) => {
    if (isListened() || inputs.some((x) => x instanceof Placeholder)) return f(...inputs);
    const key = [kernelPolicy(), ...inputs.map(({ shape, dtype }) => `${dtype}${formatShape(shape)}`)].join(" ");
    const compiled = known.get(key) ?? compileFor(f, inputs);
    known.delete(key);
    known.set(key, compiled);
    if (known.size > limit) known.delete(known.keys().next().value as string);
    return replay(compiled, inputs);
  };
}

interface Compiled<T> {
  readonly program: Program;
  /** Puts the outputs back where the function had them. */
  rebuild(outputs: readonly Tensor[]): T;
}

function compileFor<T extends Tensors>(f: (...inputs: Tensor[]) => T, inputs: readonly Tensor[]): Compiled<T> {
  let result: T | undefined;
  const program = new Program((...xs) => {
    result = f(...xs);
    const found: Tensor[] = [];
    visit(result, (x) => found.push(x));
    return found;
  }, inputs);
  return { program, rebuild: (outputs) => rebuilt(result as T, [...outputs].reverse()) as T };
}

function replay<T>({ program, rebuild }: Compiled<T>, inputs: readonly Tensor[]): T {
  inputs.forEach((x, i) => program.write(i, x));
  program.run();
  return rebuild(program.outputs.map((_, i) => program.read(i)));
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
