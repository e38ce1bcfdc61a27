import { expect, test } from "vitest";
import { importTfjs } from "../../src/tfjs/index.ts";
import { attr, floats, graphModel } from "./build.ts";
import { conv, node, random } from "./caseParts.ts";

const weights = {
  ...{ w: random(9, 1, 1, 4, 4), b: random(2, 4), m: random(3, 4) },
  ...{ g: floats([4], [1, -2, 0.5, 3]), v: floats([4], [0.5, 1, 2, 3]) },
};
const input = { name: "x", op: "Placeholder", attr: { dtype: attr.type("DT_FLOAT"), shape: attr.shape(1, 5, 5, 4) } };
const norm = node("FusedBatchNormV3", ["c", "g", "b", "m", "v"], { epsilon: attr.float(0.25), is_training: attr.bool(false) }, "n");

test.each([
  ["folded", node("Relu", ["n"], {}, "y"), 0],
  ["on its own", node("AddV2", ["c", "n"], {}, "y"), 1],
])("a batch normalisation %s leaves what it promises of the tensor it wrote", (_, last, norms) => {
  const { json, shard } = graphModel([input, node("Conv2D", ["x", "w"], conv(1, "SAME"), "c"), norm, last], weights);
  const graph = importTfjs(json, new Map([["weights.bin", shard]]));
  expect(graph.nodes.filter((n) => n.op.name === "batchNorm")).toHaveLength(norms);
  expect(graph.statistics.size).toBe(1);
  const [[name, { mean, deviation }]] = graph.statistics;
  expect(graph.metas.get(name)?.shape).toEqual([1, 4, 5, 5]);
  expect([...mean]).toEqual([...weights.b.data]);
  weights.g.data.forEach((g: number, c: number) => {
    expect(deviation[c]).toBeCloseTo(Math.abs(g) * Math.sqrt(weights.v.data[c] / (weights.v.data[c] + 0.25)), 12);
  });
});
