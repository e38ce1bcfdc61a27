import { describe, expect, test } from "vitest";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { DataType, decodeModel } from "../../src/onnx/protobuf.ts";
import {
  additivePowerOfTwo,
  type LevelQuantizer,
  logAffine,
  makeScheme,
  type Plan,
  powerOfTwo,
  subset,
  tapOf,
  withLevels,
} from "../../src/quant/index.ts";
import { Rng, type Tensor, uniform } from "../../src/tensor/index.ts";
import { rangeOf } from "../quant/integer/plans.ts";
import { minmaxPlan, smallNetwork } from "./network.ts";
import { gap, runInRuntime } from "./runtime.ts";

const graph = smallNetwork();
const image = uniform([1, 3, 16, 16], new Rng(5));

type AnyLevels = LevelQuantizer<Readonly<Record<string, Tensor>>>;
const any = (quantizer: unknown): AnyLevels => quantizer as AnyLevels;

/** The plan with every weight on a quantizer's levels, one scale per channel. */
function levelPlan(quantizer: AnyLevels, bits: number): Plan {
  let plan = minmaxPlan(graph, image, 8, 8);
  for (const layer of graph.layers) {
    const w = graph.parameters.get(layer.weight) as Tensor;
    const scheme = makeScheme({ bits, signed: true, mapping: "symmetricHalf", axis: layer.channelAxis });
    plan = withLevels(plan, layer.weight, w, { quantizer, params: quantizer.init(rangeOf(w, scheme.axis), scheme, w), scheme });
  }
  return plan;
}

const CASES: readonly (readonly [string, AnyLevels, number])[] = [
  ["powerOfTwo", any(powerOfTwo), 4],
  ["additivePowerOfTwo", any(additivePowerOfTwo), 4],
  ["additivePowerOfTwo", any(additivePowerOfTwo), 6],
  ["subset", any(subset), 3],
  ["logAffine shift", any(logAffine({ mode: "shift" })), 4],
  ["logAffine exact", any(logAffine({ mode: "exact" })), 4],
  ["logAffine exact", any(logAffine({ mode: "exact", centre: "median" })), 5],
];

describe.each(CASES)("weights on the levels of %s", (_, quantizer, bits) => {
  const plan = levelPlan(quantizer, bits);
  const bytes = exportOnnx(graph, plan);

  test(`compute in a runtime and read back as what is simulated, ${bits} bits`, async () => {
    const simulated = graph.forward(image, tapOf(graph, plan));
    const again = importOnnx(bytes).forward(image);
    for (const level of ["disabled", "all"] as const) {
      const theirs = await runInRuntime(bytes, { image }, level);
      for (const k of Object.keys(simulated)) {
        expect(again[k].data).toEqual(simulated[k].data);
        expect(gap(theirs[k], simulated[k]), `${k} at level ${level}`).toBeLessThan(1e-5);
      }
    }
  });

  test(`are stored in ${bits <= 4 ? 4 : 8} bits a code`, () => {
    const { graph: written, opsetImport } = decodeModel(bytes, "test");
    expect(Number(opsetImport[0].version)).toBe(bits <= 4 ? 21 : 13);
    const codes = written?.initializer.find((t) => t.name === "after.weight/codes");
    expect(codes?.dataType).toBe(bits <= 4 ? DataType.UINT4 : DataType.UINT8);
    expect(codes?.rawData.length).toBe((8 * 8 * 9) / (bits <= 4 ? 2 : 1));
  });
});
