import {
  type Arena,
  type Expr,
  FunctionBuilder,
  i32,
  i32x4,
  instantiate,
  type Local,
  lane,
  load,
  op,
  placeTasks,
  type Task,
} from "../../wasm/index.ts";
import type { Run } from "./index.ts";
import { type Block, countOf } from "./placement.ts";

type Vector = Expr<"v128">;

/**
 * One call that maps element to element, as code on vectors: f32 lanes, and for u8 tensors lanes that are all ones where
 * the byte is not 0.
 */
export interface ElementFormula {
  /** Stands for the code that `apply` writes. */
  readonly name: string;
  /** Rough number of registers and instructions, 1 for a single one. */
  readonly weight: number;
  /** Numbers of the attributes. */
  readonly parameters: readonly number[];
  apply(f: FunctionBuilder, operands: readonly Local<"v128">[], parameters: readonly Local<"v128">[]): Vector;
}

/** A call of a chain; operands count the inputs of the chain first, then its calls. */
export interface ChainStep {
  readonly formula: ElementFormula;
  readonly operands: readonly number[];
}

/** Calls that run in one pass, element by element: every input is loaded once, and only what `stored` counts is written. */
export interface Chain {
  /** Stands for its code, up to how the blocks pass. */
  readonly name: string;
  readonly steps: readonly ChainStep[];
  /** The calls (counted as operands are) that the outputs take. */
  readonly stored: readonly number[];
}

/** A chain of these calls that writes what `stored` counts. */
export function chainOf(steps: readonly ChainStep[], stored: readonly number[]): Chain {
  const calls = steps.map(({ formula, operands }) => `${formula.name}(${operands})`);
  return { name: `chain ${calls.join(" ")} > ${stored}`, steps, stored };
}

/** How a block passes: a value per element, a byte per element, or one value for all. */
type Passage = "float" | "byte" | "one";

const passageOf = (block: Block, size: number): Passage => (block.dtype === "u8" ? "byte" : countOf(block) === size ? "float" : "one");

/** The bytes by which four elements advance a pointer. */
const STRIDE: Readonly<Record<Passage, number>> = { float: 16, byte: 4, one: 0 };

/** Four bytes as lanes of ones where they are not 0. */
function loadBytes(address: Local<"i32">, offset: number): Vector {
  const words = op("i16x8.extend_low_i8x16_u", load("v128.load32_zero", address, offset));
  return op("i32x4.gt_s", op("i32x4.extend_low_i16x8_u", words), i32x4(0));
}

function storeBytes(f: FunctionBuilder, address: Local<"i32">, mask: Vector, offset: number): void {
  const words = f.let(op("i16x8.narrow_i32x4_s", mask, mask));
  const bytes = f.let(op("v128.and", op("i8x16.narrow_i16x8_s", words, words), i32x4(0x01010101)));
  f.store("f32.store", address, lane(bytes, 0), offset);
}

/** Chains up to this weight are unrolled. */
const LIGHT = 4;

/** run(inputs.., outputs.., count, parameters..): the chain over `count` elements, in whole vectors. */
function emitChain({ steps, stored }: Chain, inputs: readonly Passage[], outputs: readonly Passage[]): FunctionBuilder {
  const numbers = steps.map(({ formula }) => formula.parameters.length);
  const total = numbers.reduce((a, n) => a + n, 0);
  const pointers = [...inputs, ...outputs];
  const types = [...pointers.map(() => "i32" as const), "i32" as const, ...Array.from({ length: total }, () => "f32" as const)];
  const f = new FunctionBuilder("run", types);
  const at = f.params.slice(0, pointers.length) as Local<"i32">[];
  const left = f.params[pointers.length] as Local<"i32">;
  const splats = f.params.slice(pointers.length + 1).map((p) => f.let(op("f32x4.splat", p as Local<"f32">)));
  const values = [...inputs, ...steps].map(() => f.local("v128"));
  inputs.forEach((passage, i) => {
    if (passage === "one") f.set(values[i]!, load("v128.load32_splat", at[i]!));
  });
  const vector = (n: number): void => {
    inputs.forEach((passage, i) => {
      if (passage === "float") f.set(values[i]!, load("v128.load", at[i]!, 16 * n));
      if (passage === "byte") f.set(values[i]!, loadBytes(at[i]!, 4 * n));
    });
    let used = 0;
    steps.forEach(({ formula, operands }, i) => {
      const parameters = splats.slice(used, used + numbers[i]!);
      used += numbers[i]!;
      const result = formula.apply(
        f,
        operands.map((k) => values[k]!),
        parameters,
      );
      f.set(values[inputs.length + i]!, result);
    });
    // After all loads, so that an output may lie where an input lies.
    outputs.forEach((passage, i) => {
      const [address, value] = [at[inputs.length + i]!, values[stored[i]!]!];
      if (passage === "byte") storeBytes(f, address, value, 4 * n);
      else f.store("v128.store", address, value, 16 * n);
    });
  };
  const vectors = (count: number): void => {
    for (let n = 0; n < count; n++) vector(n);
    pointers.forEach((passage, i) => {
      if (STRIDE[passage] > 0) f.bump(at[i]!, count * STRIDE[passage]);
    });
    f.set(left, op("i32.sub", left, i32(4 * count)));
  };
  const weight = steps.reduce((sum, { formula }) => sum + formula.weight, 0);
  if (weight <= LIGHT) f.while(op("i32.gt_s", left, i32(12)), () => vectors(4));
  f.while(op("i32.gt_s", left, i32(0)), () => vectors(1));
  return f;
}

/** Elements of a task, and from how many on there are several. */
const PIECE = 32768;
const SEVERAL = 65536;

/** A run of a chain on blocks that stay. The outputs have `size` elements each, and so have inputs of more than one. */
export function placeChain(arena: Arena, chain: Chain, size: number, inputs: readonly Block[], outputs: readonly Block[]): Run {
  const [from, to] = [inputs, outputs].map((blocks) => blocks.map((b) => passageOf(b, size)));
  const passages = [...from!, ...to!];
  const { run } = instantiate(`${chain.name}: ${passages}`, () => [emitChain(chain, from!, to!)], arena);
  const addresses = [...inputs, ...outputs].map(({ address }) => address);
  const parameters = chain.steps.flatMap(({ formula }) => formula.parameters);
  const piece = size < SEVERAL ? size : PIECE;
  const tasks: Task[] = [];
  for (let start = 0; start < size; start += piece) {
    const pointers = addresses.map((a, i) => a + (start / 4) * STRIDE[passages[i]!]);
    tasks.push([{ entry: run, args: [...pointers, Math.min(piece, size - start), ...parameters] }]);
  }
  return placeTasks(arena, tasks, size * chain.steps.reduce((sum, { formula }) => sum + formula.weight, 0));
}
