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
import { type Block, countOf, type Epilogue } from "./placement.ts";

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
  /** Emits the formula on four lanes of every operand, with the numbers of `parameters`. */
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
  /** The steps in order; each may read the results of those before it. */
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

/** What a chain is emitted for. */
interface Passages {
  readonly inputs: readonly Passage[];
  readonly outputs: readonly Passage[];
}

/** The code of a chain on one vector, `n` vectors behind the pointers: the values that are stored. */
function vectorOf(f: FunctionBuilder, { steps, stored }: Chain, { inputs }: Passages, at: readonly Local<"i32">[], first: number) {
  const splats = f.params.slice(first).map((p) => f.let(op("f32x4.splat", p as Local<"f32">)));
  const values = [...inputs, ...steps].map(() => f.local("v128"));
  inputs.forEach((passage, i) => {
    if (passage === "one") f.set(values[i]!, load("v128.load32_splat", at[i]!));
  });
  return (n: number): Local<"v128">[] => {
    inputs.forEach((passage, i) => {
      if (passage === "float") f.set(values[i]!, load("v128.load", at[i]!, 16 * n));
      if (passage === "byte") f.set(values[i]!, loadBytes(at[i]!, 4 * n));
    });
    let used = 0;
    steps.forEach(({ formula, operands }, i) => {
      const parameters = splats.slice(used, used + formula.parameters.length);
      used += parameters.length;
      const result = formula.apply(
        f,
        operands.map((k) => values[k]!),
        parameters,
      );
      f.set(values[inputs.length + i]!, result);
    });
    return stored.map((k) => values[k]!);
  };
}

/** The pointers, the count and the parameters of a chain. */
function typesOf({ steps }: Chain, { inputs, outputs }: Passages): ("i32" | "f32")[] {
  const numbers = steps.flatMap(({ formula }) => formula.parameters.map(() => "f32" as const));
  return [...[...inputs, ...outputs].map(() => "i32" as const), "i32", ...numbers];
}

/** run(inputs.., outputs.., count, parameters..): the chain over `count` elements, in whole vectors unless `exact`. */
function emitChain(chain: Chain, passages: Passages, exact: boolean): FunctionBuilder {
  const pointers = [...passages.inputs, ...passages.outputs];
  const f = new FunctionBuilder("run", typesOf(chain, passages));
  const at = f.params.slice(0, pointers.length) as Local<"i32">[];
  const left = f.params[pointers.length] as Local<"i32">;
  const vector = vectorOf(f, chain, passages, at, pointers.length + 1);
  const into = at.slice(passages.inputs.length);
  const vectors = (count: number): void => {
    for (let n = 0; n < count; n++) {
      // After all loads, so that an output may lie where an input lies.
      vector(n).forEach((value, i) => {
        if (passages.outputs[i] === "byte") storeBytes(f, into[i]!, value, 4 * n);
        else f.store("v128.store", into[i]!, value, 16 * n);
      });
    }
    pointers.forEach((passage, i) => {
      if (STRIDE[passage] > 0) f.bump(at[i]!, count * STRIDE[passage]);
    });
    f.set(left, op("i32.sub", left, i32(4 * count)));
  };
  const weight = chain.steps.reduce((sum, { formula }) => sum + formula.weight, 0);
  const spare = exact ? 3 : 0;
  if (weight <= LIGHT) f.while(op("i32.gt_s", left, i32(12 + spare)), () => vectors(4));
  f.while(op("i32.gt_s", left, i32(spare)), () => vectors(1));
  if (exact) f.if(op("i32.gt_s", left, i32(0)), () => storeRest(f, vector(0), into, left));
  return f;
}

/** Stores the first `left` lanes, fewer than four, of floats. */
function storeRest(f: FunctionBuilder, values: readonly Local<"v128">[], into: readonly Local<"i32">[], left: Local<"i32">): void {
  for (const i of [0, 1, 2] as const) {
    f.if(op("i32.gt_s", left, i32(i)), () => {
      values.forEach((value, k) => f.store("f32.store", into[k]!, lane(value, i), 4 * i));
    });
  }
}

/** rows(inputs.., outputs.., count, parameters.., rows, pitch): function 0 on `rows` runs of elements, `pitch` elements apart. */
function emitRows(chain: Chain, passages: Passages): FunctionBuilder {
  const types = typesOf(chain, passages);
  const f = new FunctionBuilder("rows", [...types, "i32", "i32"]);
  const [rows, pitch] = f.params.slice(types.length) as [Local<"i32">, Local<"i32">];
  const floats = f.let(op("i32.shl", pitch, i32(2)));
  f.while(op("i32.gt_s", rows, i32(0)), () => {
    f.call(0, ...f.params.slice(0, types.length));
    [...passages.inputs, ...passages.outputs].forEach((passage, i) => {
      if (passage !== "one") f.bump(f.params[i] as Local<"i32">, passage === "byte" ? pitch : floats);
    });
    f.bump(rows, -1);
  });
  return f;
}

const passagesOf = (size: number, inputs: readonly Block[], outputs: readonly Block[]): Passages => ({
  inputs: inputs.map((b) => passageOf(b, size)),
  outputs: outputs.map((b) => passageOf(b, size)),
});

const parametersOf = ({ steps }: Chain): number[] => steps.flatMap(({ formula }) => formula.parameters);

/** Addresses `start` elements behind where blocks begin. */
const behindAll = (blocks: readonly Block[], { inputs, outputs }: Passages, start: number): number[] =>
  [...inputs, ...outputs].map((passage, i) => blocks[i]!.address + (start * STRIDE[passage]) / 4);

/** A chain as what tasks of the call that makes one of its inputs end with. The outputs are floats, `size` of them each. */
export function chainEpilogue(arena: Arena, chain: Chain, size: number, inputs: readonly Block[], outputs: readonly Block[]): Epilogue {
  const passages = passagesOf(size, inputs, outputs);
  const key = `${chain.name}: ${[...passages.inputs, ...passages.outputs]} in rows`;
  const { rows: entry } = instantiate(key, () => [emitChain(chain, passages, true), emitRows(chain, passages)], arena);
  const parameters = parametersOf(chain);
  return ({ first, count, rows, pitch }) => [
    { entry, args: [...behindAll([...inputs, ...outputs], passages, first), count, ...parameters, rows, pitch] },
  ];
}

/** Elements of a task, and from how many on there are several. */
const PIECE = 32768;
const SEVERAL = 65536;

/** A run of a chain on blocks that stay. The outputs have `size` elements each, and so have inputs of more than one. */
export function placeChain(arena: Arena, chain: Chain, size: number, inputs: readonly Block[], outputs: readonly Block[]): Run {
  const passages = passagesOf(size, inputs, outputs);
  const key = `${chain.name}: ${[...passages.inputs, ...passages.outputs]}`;
  const { run } = instantiate(key, () => [emitChain(chain, passages, false)], arena);
  const parameters = parametersOf(chain);
  const piece = size < SEVERAL ? size : PIECE;
  const tasks: Task[] = [];
  for (let start = 0; start < size; start += piece) {
    const pointers = behindAll([...inputs, ...outputs], passages, start);
    tasks.push([{ entry: run, args: [...pointers, Math.min(piece, size - start), ...parameters] }]);
  }
  return placeTasks(arena, tasks, size * chain.steps.reduce((sum, { formula }) => sum + formula.weight, 0));
}
