import type { Node } from "../../graph/index.ts";
import { bind, Tensor } from "../../tensor/index.ts";
import { type Arena, type Entry, FunctionBuilder, instantiate, load, op } from "../../wasm/index.ts";
import type { Draft, Value } from "./step.ts";

/** For each element of a moving node's output, its position in the inputs laid end to end: the op itself says, run on positions. */
function positionsOf(node: Node, reads: readonly Value[]): Int32Array {
  const inputs: Tensor[] = [];
  let start = 0;
  for (const { shape } of reads) {
    const positions = new Float32Array(shape.reduce((a, d) => a * d, 1));
    for (let i = 0; i < positions.length; i++) positions[i] = start + i;
    start += positions.length;
    inputs.push(new Tensor(shape, "f32", positions));
  }
  return new Int32Array(bind(node.op, inputs, node.attrs)[0].data);
}

/** Elements of one input that lie side by side before and after: position and count in turn, in the order of the output. */
function runsOf(positions: Int32Array, ends: readonly number[]): Int32Array {
  const runs = new Int32Array(2 * positions.length);
  const starts = new Set(ends);
  let at = -2;
  for (let i = 0; i < positions.length; i++) {
    if (i > 0 && positions[i] === positions[i - 1] + 1 && !starts.has(positions[i])) {
      runs[at + 1]++;
      continue;
    }
    at += 2;
    runs[at] = positions[i];
    runs[at + 1] = 1;
  }
  return runs.slice(0, at + 2);
}

/** Runs at least this long on average are copied whole. */
const LONG_RUN = 12;

/** The step of an op that moves codes as they are: concatenation, slices, permutations, nearest resizing. */
export function gatherStep(node: Node, reads: readonly Value[], write: Value): Draft {
  const positions = positionsOf(node, reads);
  const ends: number[] = [];
  for (const { shape } of reads) ends.push((ends.at(-1) ?? 0) + shape.reduce((a, d) => a * d, 1));
  const runs = runsOf(positions, ends);
  const whole = 2 * positions.length >= LONG_RUN * runs.length;
  const table = whole ? runs : positions;
  const count = whole ? runs.length / 2 : positions.length;
  return {
    ...{ name: node.name, kind: "gather", reads, writes: [write], scratch: 0 },
    constants: [table],
    bind(memory) {
      const { arena } = memory;
      const [address] = memory.constants;
      const places = arena.i32.subarray(address >> 2, (address >> 2) + table.length);
      // Positions become addresses once the inputs have theirs.
      const shifts = reads.map((value, input) => memory.at(value) - (input === 0 ? 0 : ends[input - 1]));
      for (let i = 0; i < places.length; i += whole ? 2 : 1) {
        let input = 0;
        while (table[i] >= ends[input]) input++;
        places[i] = table[i] + shifts[input];
      }
      const target = memory.at(write);
      const entries = kernel(arena);
      const run = whole ? entries.copies : entries.picks;
      return () => run(address, count, target);
    },
  };
}

const kernel = (arena: Arena): Readonly<Record<string, Entry>> => instantiate("integer gather", () => [emitCopies(), emitPicks()], arena);

/** copies(table, count, target): runs of bytes, given as address and length, one behind the other. */
function emitCopies(): FunctionBuilder {
  const f = new FunctionBuilder("copies", ["i32", "i32", "i32"]);
  const [table, count, target] = f.pointers;
  const [i, length] = f.locals("i32", 2);
  f.for(i, count, 1, () => {
    f.set(length, load("i32.load", table, 4));
    f.copy(target, load("i32.load", table), length);
    f.bump(target, length);
    f.bump(table, 8);
  });
  return f;
}

/** picks(table, count, target): one byte from each address. */
function emitPicks(): FunctionBuilder {
  const f = new FunctionBuilder("picks", ["i32", "i32", "i32"]);
  const [table, count, target] = f.pointers;
  const end = f.let(op("i32.add", target, count));
  f.while(op("i32.lt_u", target, end), () => {
    f.store("i32.store8", target, load("i32.load8_u", load("i32.load", table)));
    f.bump(table, 4);
    f.bump(target, 1);
  });
  return f;
}
