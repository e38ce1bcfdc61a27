import { describe, expect, test } from "vitest";
import { Graph, traceGraph } from "../../src/graph/index.ts";
import { identityTap, type Module, type Tap } from "../../src/nn/index.ts";
import { exportOnnx, exposeTensors, importOnnx } from "../../src/onnx/index.ts";
import { DataType, decodeModel } from "../../src/onnx/protobuf.ts";
import { readTensor } from "../../src/onnx/tensors.ts";
import { type Plan, tapOf } from "../../src/quant/index.ts";
import { add, type Conv2dOptions, conv2d, Rng, relu, type Tensor, tensor, uniform } from "../../src/tensor/index.ts";
import { minmaxPlan, smallNetwork } from "./network.ts";
import { gap, runInRuntime } from "./runtime.ts";

const graph = smallNetwork();
const image = uniform([1, 3, 16, 16], new Rng(5));

/** A layer of four channels, one of which is never positive, and a depthwise one on its output. */
class PointwiseThenDepthwise implements Module<{ readonly heat: Tensor }> {
  readonly first = tensor([1, 0.5, -0.3, -1, -2, -0.5, 0.2, 0.4, 0.1, 0.7, -0.6, 0.3], [4, 3, 1, 1]);
  readonly second = uniform([4, 1, 3, 3], new Rng(8));

  forward(x: Tensor, tap: Tap = identityTap): { heat: Tensor } {
    const layer = (name: "first" | "second", y: Tensor, options: Conv2dOptions = {}): Tensor => {
      const at = tap.at(name);
      return at("output", conv2d(y, at("weight", this[name]), options));
    };
    return { heat: layer("second", layer("first", x), { groups: 4 }) };
  }
}

/** Three layers of 32 channels; what the first gives is added to what the second makes of it. */
class Residual implements Module<{ readonly heat: Tensor; readonly sum: Tensor }> {
  readonly first = uniform([32, 3, 3, 3], new Rng(1), -0.2, 0.2);
  readonly second = uniform([32, 32, 3, 3], new Rng(2), -0.1, 0.1);
  readonly third = uniform([32, 32, 3, 3], new Rng(3), -0.1, 0.1);
  readonly bias = uniform([32], new Rng(4), -0.1, 0.1);

  forward(x: Tensor, tap: Tap = identityTap): { heat: Tensor; sum: Tensor } {
    const layer = (name: "first" | "second" | "third", y: Tensor): Tensor => {
      const at = tap.at(name);
      return at("output", conv2d(y, at("weight", this[name]), { bias: at("bias", this.bias), padding: 1 }));
    };
    const trunk = relu(layer("first", x));
    const sum = add(layer("second", trunk), trunk);
    return { heat: layer("third", sum), sum };
  }
}

const graphOf = (bytes: Uint8Array) => {
  const model = decodeModel(bytes, "test");
  if (!model.graph) throw new Error("no graph");
  return { ...model, graph: model.graph };
};

describe("a float export", () => {
  const bytes = exportOnnx(graph, undefined, { metadata: { why: "test" }, producerVersion: "9" });

  test("is a drop-in: same input, outputs, names and shapes", () => {
    const { graph: written, opsetImport, producerName, producerVersion, metadataProps } = graphOf(bytes);
    const names = written.node.map((n) => n.name);
    expect(names).toEqual(graph.nodes.map((n) => n.name));
    expect(written.initializer.map((t) => t.name)).toEqual([...graph.parameters.keys()]);
    const again = importOnnx(bytes);
    expect([again.inputs, again.outputs]).toEqual([graph.inputs, graph.outputs]);
    expect([Number(opsetImport[0].version), producerName, producerVersion]).toEqual([13, "inlierq", "9"]);
    expect(metadataProps.map((p) => [p.key, p.value])).toEqual([["why", "test"]]);
    expect(written.valueInfo.map((v) => v.name)).toContain("pool");
  });

  test("reads back to the same bits and runs alike in the runtime", async () => {
    const ours = graph.forward(image);
    const again = importOnnx(bytes).forward(image);
    const theirs = await runInRuntime(bytes, { image });
    for (const k of Object.keys(ours)) {
      expect(again[k].data).toEqual(ours[k].data);
      expect(gap(theirs[k], ours[k])).toBeLessThan(2e-6);
    }
    expect(exportOnnx(importOnnx(bytes, { name: "small.onnx" }), undefined, { metadata: { why: "test" }, producerVersion: "9" })).toEqual(
      bytes,
    );
  });

  test("keeps a free batch dimension free", async () => {
    const { name, outputs, nodes, parameters } = graph;
    const free = new Graph({
      name,
      nodes,
      parameters,
      outputs: outputs.map((p) => ({ ...p, shape: [-1, ...p.shape.slice(1)] })),
      inputs: [{ name: "image", shape: [-1, 3, 16, 16], dtype: "f32" }],
    });
    const two = uniform([2, 3, 16, 16], new Rng(6));
    const file = exportOnnx(free);
    expect(importOnnx(file).inputs[0].shape[0]).toBe(-1);
    expect(gap((await runInRuntime(file, { image: two })).heat, free.forward(two).heat)).toBeLessThan(2e-6);
  });
});

const SCHEMES = [
  [8, 8],
  [6, 6],
  [6, 8],
  [4, 8],
  [4, 4],
  [2, 3],
  [8, 4],
] as const;

describe.each(SCHEMES)("a W%dA%d export", (weightBits, activationBits) => {
  for (const perChannel of [true, false]) {
    test(`computes what we simulate, depthwise inputs ${perChannel ? "per channel" : "per tensor"}`, async () => {
      const plan = minmaxPlan(graph, image, weightBits, activationBits, perChannel);
      const bytes = exportOnnx(graph, plan);
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
  }

  test("has the opset, types and clips of its bits", () => {
    const plan = minmaxPlan(graph, image, weightBits, activationBits);
    const { graph: written, opsetImport } = graphOf(exportOnnx(graph, plan));
    expect(Number(opsetImport[0].version)).toBe(weightBits === 4 ? 21 : 13);
    const codes = written.initializer.find((t) => t.name === "after.weight/codes");
    expect(codes?.dataType).toBe(weightBits === 4 ? DataType.INT4 : DataType.INT8);
    const clips = written.node.filter((n) => ["Clip", "Max"].includes(n.opType)).length;
    expect(clips > 0).toBe(activationBits < 8);
    const quantizers = written.node.filter((n) => n.opType === "QuantizeLinear");
    expect(quantizers.length).toBe(plan.activations.size);
  });

  test("holds no scale that is zero, subnormal or not finite, and no zero point on an int32 bias", () => {
    const { graph: written } = graphOf(exportOnnx(graph, minmaxPlan(graph, image, weightBits, activationBits)));
    const initializers = new Map(written.initializer.map((t) => [t.name, t]));
    for (const node of written.node.filter((n) => n.opType.endsWith("quantizeLinear") || n.opType === "QuantizeLinear")) {
      const scale = initializers.get(node.input[1]);
      if (!scale) throw new Error(`${node.name} has no constant scale`);
      for (const s of readTensor(scale, "test").data) expect(s >= 2 ** -126 && Number.isFinite(s)).toBe(true);
      if (initializers.get(node.input[0])?.dataType === DataType.INT32) expect(node.input.length).toBe(2);
    }
  });
});

describe("a quantized export", () => {
  const plan = minmaxPlan(graph, image, 8, 8);

  test("leaves other readers of a quantized tensor in float", () => {
    const { graph: written } = graphOf(exportOnnx(graph, plan));
    expect(written.node.find((n) => n.name === "pointwise/apart/Min")?.input[0]).toBe("pointwise");
    expect(written.node.find((n) => n.name === "sum")?.input).toEqual(["pointwise/apart", "depthwiseRelu"]);
    expect(written.node.find((n) => n.name === "left")?.input[0]).toBe(written.node.find((n) => n.name === "right")?.input[0]);
  });

  test("keeps runtimes from merging layers and quantizers, unless told otherwise", async () => {
    const perTensor = minmaxPlan(graph, image, 8, 8, false);
    const fences = (bytes: Uint8Array) =>
      graphOf(bytes)
        .graph.node.filter((n) => n.opType === "Min")
        .map((n) => n.input[0]);
    expect(fences(exportOnnx(graph, perTensor))).toEqual(["stemRelu", "depthwiseRelu", "pointwise", "after", "up"]);
    const fusible = exportOnnx(graph, perTensor, { fusible: true });
    expect(fences(fusible)).toEqual([]);
    const simulated = graph.forward(image, tapOf(graph, perTensor));
    expect(gap((await runInRuntime(fusible, { image })).heat, simulated.heat)).toBeLessThan(0.02);
  });

  test("keeps a convolution's finished sum apart from what is added to it", async () => {
    const residual = traceGraph(new Residual(), image, { name: "residual", input: "image" });
    const bytes = exportOnnx(residual, minmaxPlan(residual, image, 8, 8));
    const [plain, merged] = [await runInRuntime(bytes, { image }, "disabled"), await runInRuntime(bytes, { image }, "all")];
    expect(merged.sum.data).toEqual(plain.sum.data);
  });

  test.each([false, true])("runs where a depthwise layer reads another layer's output, fusible %s", async (fusible) => {
    const direct = traceGraph(new PointwiseThenDepthwise(), image, { name: "direct", input: "image" });
    const perChannel = minmaxPlan(direct, image, 8, 8);
    expect([...perChannel.activations.values()].map((site) => site.scheme.axis)).toEqual([null, 1]);
    const bytes = exportOnnx(direct, perChannel, { fusible });
    const simulated = direct.forward(image, tapOf(direct, perChannel));
    expect(importOnnx(bytes).forward(image).heat.data).toEqual(simulated.heat.data);
    for (const level of ["disabled", "all"] as const)
      expect(gap((await runInRuntime(bytes, { image }, level)).heat, simulated.heat)).toBeLessThan(1e-5);
  });

  test("leaves layers outside the plan in float", () => {
    const part: Plan = { ...plan, layers: new Set(["after"]) };
    const { graph: written } = graphOf(exportOnnx(graph, part));
    expect(written.node.filter((n) => n.opType === "QuantizeLinear").map((n) => n.input[0])).toEqual(["pool"]);
    expect(written.node.find((n) => n.name === "stem")?.input).toEqual(["image", "stem.weight", "stem.bias"]);
  });

  test("writes corrected biases on the integer grid", () => {
    const corrected: Plan = { ...plan, biases: new Map([["after", tensor(new Float32Array(8).fill(0.5))]]) };
    const again = importOnnx(exportOnnx(graph, corrected)).forward(image);
    expect(again.heat.data).toEqual(graph.forward(image, tapOf(graph, corrected)).heat.data);
  });

  test.each([0, 1e-40, Number.NaN, Number.POSITIVE_INFINITY, -1])("never leaves with a scale of %d", (scale) => {
    const site = plan.activations.get("pool");
    if (!site) throw new Error("pool is not quantized");
    const broken: Plan = {
      ...plan,
      activations: new Map([...plan.activations, ["pool", { ...site, params: { ...site.params, scale: tensor([scale]) } }]]),
    };
    expect(() => exportOnnx(graph, broken)).toThrow(
      /exportOnnx: every scale must be a positive normal number, got .* \(tensor "pool", entry 0\)/,
    );
  });

  test("is written byte for byte alike", () => {
    expect(exportOnnx(graph, plan)).toEqual(exportOnnx(graph, plan));
  });

  test("shows inner tensors when asked to", async () => {
    const bytes = exposeTensors(exportOnnx(graph, plan), ["pool", "heat"]);
    const theirs = await runInRuntime(bytes, { image });
    expect(Object.keys(theirs)).toEqual(["left", "heat", "pool"]);
    expect(() => exposeTensors(bytes, ["nothing"])).toThrow('every name must be written by a node, got "nothing"');
  });
});

test("ops without an ONNX form are named", () => {
  const odd = { ...relu.def, name: "odd" };
  const nodes = [{ name: "n", op: odd, attrs: {}, inputs: ["x"], outputs: ["y"] }];
  const port = { shape: [1], dtype: "f32" } as const;
  const strange = new Graph({
    name: "g",
    inputs: [{ name: "x", ...port }],
    outputs: [{ name: "y", ...port }],
    nodes,
    parameters: new Map<string, Tensor>(),
  });
  expect(() => exportOnnx(strange)).toThrow('exportOnnx: every op must have an ONNX form, got odd (first node "n")');
});
