import { describe, expect, it } from "vitest";
import { quantize } from "../../src/job/index.ts";
import { isSeeded, type Method, methods } from "../../src/quant/index.ts";
import { tinyDetector, tinySamples } from "./tiny.ts";

const makers: readonly (readonly [string, () => Method])[] = Object.entries(methods);
const seedless = makers.filter(([, make]) => !isSeeded(make())).map(([name]) => name as keyof typeof methods);

describe("methods without a seeded part", () => {
  it("are those that only look at ranges, by rules without chance", () => {
    expect([...seedless].sort()).toEqual(["entropy", "minmax", "percentile"]);
  });

  it.each(seedless)("%s gives the same file for every seed", async (method) => {
    const { graph, card } = tinyDetector(1);
    const source = tinySamples(1, 3);
    const samples = source.names.map((name, i) => ({ name, tensors: { [graph.inputs[0].name]: source.input(i) } }));
    const bytesOf = async (seed: number): Promise<Uint8Array> => {
      const { onnx } = await quantize(graph, { samples: samples as never, card, method, scheme: "W4A4", seed, promote: 0.3 });
      return onnx;
    };
    const text = (bytes: Uint8Array): string =>
      Buffer.from(bytes)
        .toString("latin1")
        .replace(/seed..?.?\d+/gs, "seed");
    expect(text(await bytesOf(1))).toBe(text(await bytesOf(2)));
  });
});
