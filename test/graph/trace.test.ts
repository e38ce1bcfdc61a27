import { describe, expect, test } from "vitest";
import { traceGraph } from "../../src/graph/index.ts";
import { Activation, Conv2d, identityTap, type Module, Sequential, type Tap, Upsample } from "../../src/nn/index.ts";
import { add, mul, Rng, relu, reshape, sigmoid, type Tensor, uniform } from "../../src/tensor/index.ts";

class Net implements Module<Record<string, Tensor>> {
  readonly body: Sequential;
  readonly head: Conv2d;

  constructor(rng: Rng) {
    const conv = (i: number, o: number) => Conv2d.init(i, o, 3, rng, { padding: 1, stride: 1 });
    this.body = new Sequential([conv(2, 4), new Activation(relu), conv(4, 4), new Upsample(2)]);
    this.head = conv(4, 1);
  }

  forward(x: Tensor, tap: Tap = identityTap): Record<string, Tensor> {
    const y = this.body.forward(x, tap.at("body"));
    const logits = this.head.forward(mul(y, 0.5), tap.at("head"));
    return { heat: sigmoid(logits), logits: add(logits, 1) };
  }
}

describe("traceGraph", () => {
  const net = new Net(new Rng(1));
  const graph = traceGraph(net, uniform([1, 2, 4, 4], new Rng(2)), { name: "net", input: "picture" });

  test("gives the same outputs on other pictures and batches, to the bit", () => {
    const x = uniform([3, 2, 4, 4], new Rng(3));
    expect(graph.inputs[0].shape).toEqual([-1, 2, 4, 4]);
    expect(graph.forward(x)).toEqual(net.forward(x));
  });

  test("names parameters, layers and outputs after the module", () => {
    expect(graph.layers.map((l) => l.name)).toEqual(["body.layers.0", "body.layers.2", "head"]);
    expect(graph.layers.map((l) => l.weight)).toEqual(["body.layers.0.weight", "body.layers.2.weight", "head.weight"]);
    expect(graph.outputs.map((p) => p.name)).toEqual(["heat", "logits"]);
    expect(graph.nodes.map((n) => n.name)).toContain("body.layers.3");
  });

  test("fixes the batch where an op was told its size", () => {
    const flat: Module<Record<string, Tensor>> = { forward: (x) => ({ y: reshape(x, { shape: [1, 32] }) }) };
    expect(traceGraph(flat, uniform([1, 2, 4, 4], new Rng(2)), { name: "flat" }).inputs[0].shape).toEqual([1, 2, 4, 4]);
  });

  test("refuses an output that no op returned", () => {
    const lazy: Module<Record<string, Tensor>> = { forward: (x) => ({ y: x }) };
    expect(() => traceGraph(lazy, uniform([1], new Rng(2)), { name: "lazy" })).toThrow('output "y" must be computed by an op');
  });
});
