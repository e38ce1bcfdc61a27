import { isListened, item, kernelPolicy, type Meta, mul, sameShape, Tensor } from "../tensor/index.ts";
import { keyOf, programUnlessRefused, recalled } from "./compile.ts";
import type { Program } from "./program.ts";

/**
 * One step of an iteration: from the state, the step's inputs and its numbers (f64 [count]) to a value of one element
 * and the next state. Pure, synchronous and in ops only, as for `compile`; a part of the state that stays is given back
 * as it came.
 */
export type IterationStep = (
  state: readonly Tensor[],
  inputs: readonly Tensor[],
  numbers: Tensor,
) => { readonly value: Tensor; readonly next: readonly Tensor[] };

/** Shapes of inputs whose programs are remembered at once. */
const LIMIT = 4;

/**
 * A step that is repeated, its state resident: recorded once for each shape of its inputs, then only the inputs, the
 * numbers and the value cross. The bits are those of the step itself, which runs where its calls are watched or the
 * runtime refuses the memory.
 */
export class Iteration {
  readonly #step: IterationStep;
  readonly #known = new Map<string, Replay | "refused">();
  /** The parts of the state that are at hand as tensors: all of them unless a replay holds the state. */
  readonly #state: (Tensor | undefined)[];
  #replay: Replay | undefined;
  /** The state after a step that ran by itself. */
  #next: readonly Tensor[] | undefined;

  /** Nothing is recorded before the first step. Shapes: `start` and what the step returns as its next state agree, tensor by tensor. */
  constructor(step: IterationStep, start: readonly Tensor[]) {
    this.#step = step;
    this.#state = [...start];
  }

  /** Computes a step and gives its value; the state stays until `advance`. Any shapes; each set of input shapes is recorded once. */
  run(inputs: readonly Tensor[], numbers: readonly number[]): number {
    const replay = isListened() ? undefined : this.#replayFor(inputs, numbers);
    if (!replay) {
      const { value, next } = this.#step(this.state(), inputs, new Tensor([numbers.length], "f64", Float64Array.from(numbers)));
      this.#next = next;
      return item(value);
    }
    this.#next = undefined;
    return replay.run(inputs, numbers);
  }

  /** Makes the state after the last step the present one. */
  advance(): void {
    if (this.#next) {
      this.#next.forEach((x, i) => {
        this.#state[i] = x;
      });
      this.#replay = undefined;
      this.#next = undefined;
    } else this.#replay?.advance(this.#state);
  }

  /** Hands the memories of its replays on to others; the state stays, and the next step records anew. */
  release(): void {
    this.state();
    this.#replay = undefined;
    for (const replay of this.#known.values()) if (replay !== "refused") replay.release();
    this.#known.clear();
  }

  /** The present state, copied where it is resident. Shapes are those of the start. */
  state(): Tensor[] {
    for (let i = 0; i < this.#state.length; i++) this.#state[i] ??= this.#replay?.read(i);
    return [...(this.#state as Tensor[])];
  }

  /** The replay for inputs of these shapes, the state in its memory; undefined where there is none. */
  #replayFor(inputs: readonly Tensor[], numbers: readonly number[]): Replay | undefined {
    if (this.#replay?.fits(inputs)) return this.#replay;
    const state = this.state();
    const metas = [...state, ...inputs, { shape: [numbers.length], dtype: "f64" as const }];
    const found = recalled(this.#known, keyOf(metas), LIMIT, () => replayOf(this.#step, state.length, metas));
    if (found === "refused") return undefined;
    found.start(state);
    this.#replay = found;
    return found;
  }
}

/** A program of the step, which gives the value, the state as it is, and the parts of it that change. */
function replayOf(step: IterationStep, size: number, metas: readonly Meta[]): Replay | "refused" {
  let changed: number[] = [];
  const program = programUnlessRefused((...xs) => {
    const state = xs.slice(0, size);
    const { value, next } = step(state, xs.slice(size, -1), xs[xs.length - 1]);
    changed = state.flatMap((x, i) => (next[i] === x ? [] : [i]));
    // What moves from one part of the state to another is copied first: parts are taken over one after another.
    return [value, ...state, ...changed.map((i) => (state.includes(next[i]) ? mul(next[i], 1) : next[i]))];
  }, metas);
  return program === "refused" ? program : new Replay(program, size, metas.slice(size, -1), changed);
}

class Replay {
  readonly #program: Program;
  readonly #size: number;
  readonly #inputs: readonly Meta[];
  readonly #changed: readonly number[];
  readonly #policy = kernelPolicy();

  constructor(program: Program, size: number, inputs: readonly Meta[], changed: readonly number[]) {
    this.#program = program;
    this.#size = size;
    this.#inputs = inputs.map(({ shape, dtype }) => ({ shape, dtype }));
    this.#changed = changed;
  }

  release(): void {
    this.#program.release();
  }

  fits(inputs: readonly Tensor[]): boolean {
    if (inputs.length !== this.#inputs.length || kernelPolicy() !== this.#policy) return false;
    return this.#inputs.every(({ shape, dtype }, i) => inputs[i].dtype === dtype && sameShape(inputs[i].shape, shape));
  }

  start(state: readonly Tensor[]): void {
    state.forEach((x, i) => {
      this.#program.write(i, x);
    });
  }

  run(inputs: readonly Tensor[], numbers: readonly number[]): number {
    inputs.forEach((x, i) => {
      this.#program.write(this.#size + i, x);
    });
    this.#program.fill(this.#size + inputs.length, numbers);
    this.#program.run();
    return item(this.#program.view(0));
  }

  /** Part `index` of the state. */
  read(index: number): Tensor {
    return this.#program.read(1 + index);
  }

  /** Takes over the state after the last run, and forgets what was known of the parts that change. */
  advance(known: (Tensor | undefined)[]): void {
    this.#changed.forEach((part, k) => {
      this.#program.carry(1 + this.#size + k, part);
      known[part] = undefined;
    });
  }
}
