import { type Graph, type Node, runNode } from "../../graph/index.ts";
import type { Tap } from "../../nn/index.ts";
import { linear } from "./activation.ts";
import { quantizeOf, TAIL_BYTES } from "./epilogue.ts";
import { recordBytes, writeRecords } from "./finishRecord.ts";
import { type Grid, isPerChannel } from "./grid.ts";
import { blocks, type Draft, type Value } from "./step.ts";

/** The step of a node that stays in float, run by its op. */
export interface FloatDraft extends Draft {
  readonly node: Node;
}

export const floatStep = (graph: Graph, node: Node, reads: readonly Value[], writes: readonly Value[]): FloatDraft => ({
  ...{ node, name: node.name, kind: "float", reads, writes, constants: [], scratch: 0 },
  bind: () => (floats) => runNode(graph, node, floats),
});

/** A quantized layer that no integer kernel takes: its op runs under the tap of the simulation. */
export const simulatedStep = (graph: Graph, node: Node, reads: readonly Value[], writes: readonly Value[], tap: Tap): Draft => ({
  ...{ name: node.name, kind: "simulated", reads, writes, constants: [], scratch: 0 },
  bind: () => (floats) => runNode(graph, node, floats, tap),
});

/** Floats that pass through memory at once: they stay in the second-level cache. */
const CHUNK = 16384;

/** Float values on their way into integers: codes of a tensor on a grid. */
export function quantizeStep(read: Value, write: Value, grid: Grid): Draft {
  const finish = { activation: linear, forms: [grid] };
  const size = read.shape.reduce((a, d) => a * d, 1);
  const inner = isPerChannel(grid) ? read.shape.slice(2).reduce((a, d) => a * d, 1) : size;
  const rows = size / inner;
  const sizes = [4 * Math.min(CHUNK, inner), TAIL_BYTES];
  const bytes = recordBytes(finish);
  return {
    ...{ name: read.tensor, kind: "quantize", reads: [read], writes: [write] },
    constants: [new Uint8Array(bytes * rows)],
    scratch: blocks(0, sizes).bytes,
    bind(memory) {
      const { arena } = memory;
      const [records] = memory.constants;
      const [chunk, tail] = blocks(memory.scratch, sizes).addresses;
      const none = { codes: 0, multiplier: 0, real: 0 };
      writeRecords(
        arena,
        records,
        finish,
        Array.from({ length: rows }, () => none),
      );
      const quantize = quantizeOf(arena, finish.forms, {
        records,
        tail,
        targets: [{ address: memory.at(write), pitch: inner }],
        threadStep: 0,
      });
      const pieces = Array.from({ length: rows * Math.ceil(inner / CHUNK) }, (_, i) => {
        const channel = Math.floor(i / Math.ceil(inner / CHUNK));
        const pixel = CHUNK * (i - channel * Math.ceil(inner / CHUNK));
        const columns = Math.min(CHUNK, inner - pixel);
        const { entry, args } = quantize({ address: chunk, pitch: 0, rows: 1, columns, channel, pixel });
        return { from: channel * inner + pixel, columns, entry, args };
      });
      return (floats) => {
        const data = floats.get(read.tensor)!.data as Float32Array;
        for (const { from, columns, entry, args } of pieces) {
          arena.write(chunk, data.subarray(from, from + columns));
          entry(...args);
        }
      };
    },
  };
}
