import { ArgumentError } from "../errors.ts";
import { formatShape, isListened, kernelPolicy, type Meta, Placeholder, type Tensor } from "../tensor/index.ts";
import { ArenaRefused } from "../wasm/index.ts";
import { Program } from "./program.ts";
import { flatten, rebuild, type Tensors } from "./structure.ts";

/** How a compiled function keeps its programs. */
export interface CompileOptions {
  /** Shapes of inputs remembered at once; the least recently used is forgotten. Default 4. */
  readonly limit?: number;
}

type TensorFunction<T> = (...inputs: Tensor[]) => T;

/** A function that replays recordings. */
export interface Replay<T> {
  /** Shapes and errors as of the function that was compiled. */
  (...inputs: Tensor[]): T;
  /** Hands the memories of its recordings on to others; results of `compileViews` are void then. The next call records anew. */
  release(): void;
}

/**
 * A function with the values and bits of `f`, recorded once for each shape of its inputs and then replayed in a memory
 * of its own. `f` must be pure and synchronous, and compute with ops only: what it reads besides its inputs is a
 * constant of the recording. Inside `record` or `listen`, and on placeholders, `f` itself runs, so that its steps are
 * seen; and where the runtime refuses the memory.
 *
 * Errors: StateError where `f` reads values while it is recorded, or needs more memory than there can be.
 */
export const compile = <T extends Tensors>(f: TensorFunction<T>, options: CompileOptions = {}): Replay<T> =>
  programmed(f, options, (program, index) => program.read(index));

/**
 * As `compile`, for loops that look at many results and keep none: the results are not copied but read where they
 * lie, so they hold until the next call. Errors: as `compile`.
 */
export const compileViews = <T extends Tensors>(f: TensorFunction<T>, options: CompileOptions = {}): Replay<T> =>
  programmed(f, options, (program, index) => program.view(index));

function programmed<T extends Tensors>(
  f: TensorFunction<T>,
  { limit = 4 }: CompileOptions,
  take: (program: Program, output: number) => Tensor,
): Replay<T> {
  if (!Number.isInteger(limit) || limit < 1) throw new ArgumentError("compile", `limit must be a whole number >= 1, got ${limit}`);
  const known = new Map<string, Compiled<T> | "refused">();
  const replay = (...inputs: Tensor[]): T => {
    if (isListened() || inputs.some((x) => x instanceof Placeholder)) return f(...inputs);
    const compiled = recalled(known, keyOf(inputs), limit, () => compileFor(f, inputs));
    if (compiled === "refused") return f(...inputs);
    const { program, result } = compiled;
    inputs.forEach((x, i) => program.write(i, x));
    program.run();
    return rebuild(
      result,
      program.outputs.map((_, i) => take(program, i)),
    );
  };
  const release = (): void => {
    for (const compiled of known.values()) if (compiled !== "refused") compiled.program.release();
    known.clear();
  };
  return Object.assign(replay, { release });
}

/** What a recording depends on. */
export const keyOf = (inputs: readonly Meta[]): string =>
  [kernelPolicy(), ...inputs.map(({ shape, dtype }) => `${dtype}${formatShape(shape)}`)].join(" ");

/** The value of a key, made where it is missing; beyond `limit` the least recently used is forgotten. */
export function recalled<V>(known: Map<string, V>, key: string, limit: number, make: () => V): V {
  const value = known.get(key) ?? make();
  known.delete(key);
  known.set(key, value);
  if (known.size > limit) known.delete(known.keys().next().value as string);
  return value;
}

interface Compiled<T> {
  readonly program: Program;
  /** What the function returned when it was recorded: its structure is that of every result. */
  readonly result: T;
}

/** "refused" where the runtime does not give a program its memory: then the function itself runs. */
function compileFor<T extends Tensors>(f: TensorFunction<T>, inputs: readonly Tensor[]): Compiled<T> | "refused" {
  let result: T | undefined;
  const program = programUnlessRefused((...xs) => {
    result = f(...xs);
    return flatten("compile", "the function must return", result);
  }, inputs);
  return program === "refused" ? program : { program, result: result as T };
}

/** A program, or "refused" where the runtime does not give it its memory. */
export function programUnlessRefused(f: (...inputs: Tensor[]) => readonly Tensor[], inputs: readonly Meta[]): Program | "refused" {
  try {
    return new Program(f, inputs);
  } catch (error) {
    if (error instanceof ArenaRefused) return "refused";
    throw error;
  }
}
