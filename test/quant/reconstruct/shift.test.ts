import { describe, expect, it } from "vitest";
import { findUnits } from "../../../src/graph/index.ts";
import { qdrop } from "../../../src/quant/methods/index.ts";
import { withoutShifts } from "../../../src/quant/reconstruct/shift.ts";
import { mul, type Tensor } from "../../../src/tensor/index.ts";
import { residualNetwork, residualSamples } from "./residual.ts";
import { learningOf, startPlan } from "./start.ts";

/** Samples whose means differ: the last is as bright as all before. */
function unlike(count: number): ReturnType<typeof residualSamples> {
  const { names, input } = residualSamples(2, count);
  return { names, input: (i) => mul(input(i), (i + 1) / count) };
}

async function shiftsAt(activationBits: number): Promise<number> {
  const graph = residualNetwork(2);
  const samples = unlike(12);
  const plan = await startPlan({ graph }, samples, { weightBits: 16, firstLayerBits: 16, activationBits });
  const [unit] = findUnits(graph, "network");
  const [stage] = learningOf(qdrop()).stages;
  const inputs = (i: number): Readonly<Record<string, Tensor>> => ({ x: samples.input(i) });
  const at = (i: number) => ({ inputs: inputs(i), targets: [], weights: [] });
  const behind = () => ({ beside: {}, constants: {} });
  const train = samples.names.map((_, i) => i);
  const task = { graph, unit, stage, plan, layers: unit.layers, settled: new Set<string>() };
  const { biases } = withoutShifts(task, { train, held: train, at, taught: at, float: inputs, behind });
  const moved = unit.layers.flatMap((layer) => {
    const [before, after] = [graph.parameters.get(layer.bias as string), biases.get(layer.name)];
    return Array.from(after?.data ?? [], (b, c) => Math.abs(b - before!.data[c]));
  });
  return Math.max(...moved);
}

describe("shifts of biases", () => {
  it("are next to nothing where quantization is, however unlike the samples are", async () => {
    expect(await shiftsAt(16)).toBeLessThan(1e-3);
  });

  it("are there where activations have few bits", async () => {
    expect(await shiftsAt(2)).toBeGreaterThan(0.01);
  });
});
