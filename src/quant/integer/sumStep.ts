import type { Node } from "../../graph/index.ts";
import { type Arena, FunctionBuilder, instantiate, load, op, placeTasks, type Task } from "../../wasm/index.ts";
import { linear } from "./activation.ts";
import { quantizeOf, TAIL_BYTES } from "./epilogue.ts";
import { recordBytes, writeRecords } from "./finishRecord.ts";
import { floatBytes, releaseFloats, targetsOf } from "./outputs.ts";
import { blocks, type Draft, type Value } from "./step.ts";

/** Floats that are added and finished together, at least a channel: they stay in the second-level cache. */
const CHUNK = 8192;

/** A residual sum of two stored tensors of one shape, and every form its readers want, in one pass. */
export function sumStep(node: Node, reads: readonly [Value, Value], writes: readonly Value[]): Draft {
  const finish = { activation: linear, forms: writes.map(({ form }) => form) };
  const [, channels, height, width] = reads[0].shape;
  const pixels = height * width;
  const together = Math.max(1, Math.min(channels, Math.floor(CHUNK / pixels)));
  const sizes = [4 * together * pixels, TAIL_BYTES * writes.length];
  return {
    ...{ name: node.name, kind: "sum", reads: [...new Set(reads)], writes },
    constants: [new Uint8Array(recordBytes(finish) * channels)],
    scratch: floatBytes(writes),
    own: blocks(0, sizes).bytes,
    bind(memory) {
      const { arena, own } = memory;
      const [records] = memory.constants;
      const [chunk, tail] = blocks(own.address, sizes).addresses;
      const none = { codes: 0, multiplier: 0, real: 0 };
      writeRecords(
        arena,
        records,
        finish,
        Array.from({ length: channels }, () => none),
      );
      const targets = targetsOf(writes, memory, pixels);
      const done = quantizeOf(arena, finish.forms, { records, tail, targets, threadStep: own.step });
      const add = adding(arena);
      const [a, b] = reads.map((value) => memory.at(value));
      const tasks: Task[] = [];
      for (let channel = 0; channel < channels; channel += together) {
        const rows = Math.min(together, channels - channel);
        const offset = 4 * channel * pixels;
        tasks.push([
          { entry: add, args: [a + offset, b + offset, chunk, rows * pixels], perThread: [0, 0, own.step, 0] },
          done({ address: chunk, pitch: 4 * pixels, rows, columns: pixels, channel, pixel: 0 }),
        ]);
      }
      const run = placeTasks(arena, tasks, channels * pixels * 4);
      return (floats) => {
        run();
        releaseFloats(writes, memory, floats);
      };
    },
  };
}

const adding = (arena: Arena) => instantiate("integer sum", () => [emitAdd()], arena).add;

/** add(a, b, target, count): sums of floats, in whole fours. */
function emitAdd(): FunctionBuilder {
  const f = new FunctionBuilder("add", ["i32", "i32", "i32", "i32"]);
  const [a, b, target, count] = f.pointers;
  const i = f.local("i32");
  f.for(i, count, 4, () => {
    f.store("v128.store", target, op("f32x4.add", load("v128.load", a), load("v128.load", b)));
    for (const pointer of [a, b, target]) f.bump(pointer, 16);
  });
  return f;
}
