import { beforeAll, describe, expect, test } from "vitest";
import { loadTfjs, startTfjs } from "../../scripts/tfjs.ts";
import { Rng, sizeOf, uniform } from "../../src/tensor/index.ts";
import { importTfjs } from "../../src/tfjs/index.ts";
import { operators } from "../../src/tfjs/operators/index.ts";
import { attr, graphModel } from "./build.ts";
import { LAYER_CASES } from "./layerCases.ts";
import { SHAPE_CASES } from "./shapeCases.ts";

beforeAll(startTfjs);

const CASES = [...LAYER_CASES, ...SHAPE_CASES];

/** Operators that need no case of their own: sources, and names that share a case's row. */
const ELSEWHERE = ["Const", "Placeholder", "TensorListStack", "PreventGradient", "CheckNumerics", "BatchMatMul"];

describe("operators of tfjs graph models give what tfjs gives", () => {
  test.each(CASES)("%s", async (_, { shape, nodes, weights = {}, output = nodes[nodes.length - 1].name, range = [-2, 2] }) => {
    const input = { name: "x", op: "Placeholder", attr: { dtype: attr.type("DT_FLOAT"), shape: attr.shape(...shape) } };
    const { json, shard } = graphModel([input, ...nodes], weights);
    const graph = importTfjs(json, new Map([["weights.bin", shard]]));
    const x = uniform(shape, new Rng("operators"), ...range);
    const ours = graph.forward(x)[output];
    const theirs = await loadTfjs(json, [shard]);
    const [want] = theirs.run("x", x, [output]);
    expect(sizeOf(ours.shape)).toBe(want.length);
    const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
    want.forEach((v, i) => expect(Math.abs(ours.data[i] - v)).toBeLessThanOrEqual(1e-5 * largest));
  });

  test("every row has a case", () => {
    const covered = new Set([...CASES.flatMap(([, c]) => c.nodes.map((n) => n.op)), ...ELSEWHERE]);
    expect([...operators.keys()].filter((op) => !covered.has(op))).toEqual([]);
  });
});
