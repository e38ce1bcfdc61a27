import { describe, expect, test } from "vitest";
import { compile } from "../../src/autograd/index.ts";
import { describeGraph, Graph, type GraphInput, type GraphParts, perInput, runNode } from "../../src/graph/index.ts";
import { identityTap, tapFrom } from "../../src/nn/index.ts";
import { add, mul, ones, Rng, relu, scalar, sigmoid, tensor, uniform, zeros } from "../../src/tensor/index.ts";
import { smallNetwork } from "../onnx/network.ts";

const port = (name: string, shape: number[]) => ({ name, shape, dtype: "f32" }) as const;

const tiny: GraphParts = {
  name: "tiny",
  inputs: [port("x", [2])],
  outputs: [port("y", [2])],
  parameters: new Map([["two", scalar(2)]]),
  nodes: [
    { name: "double", op: mul.def, attrs: {}, inputs: ["x", "two"], outputs: ["d"] },
    { name: "squash", op: sigmoid.def, attrs: {}, inputs: ["d"], outputs: ["s"] },
    { name: "join", op: add.def, attrs: {}, inputs: ["d", "s"], outputs: ["y"] },
  ],
};

describe("Graph", () => {
  const graph = smallNetwork();
  const image = uniform([1, 3, 16, 16], new Rng(1));

  test("finds layers with their channel axis and grouping", () => {
    expect(graph.layers.map((l) => [l.name, l.kind, l.depthwise, l.channelAxis, l.input])).toEqual([
      ["stem", "conv2d", false, 0, "image"],
      ["depthwise", "conv2d", true, 0, "stemRelu"],
      ["pointwise", "conv2d", false, 0, "depthwiseRelu"],
      ["after", "conv2d", false, 0, "pool"],
      ["up", "convTranspose2d", false, 1, "after"],
      ["left", "conv2d", false, 0, "up"],
      ["right", "conv2d", false, 0, "up"],
    ]);
  });

  test("announces every input, node output and layer tensor exactly once", () => {
    const seen: string[] = [];
    graph.forward(
      image,
      tapFrom((path, slot, x) => {
        seen.push(`${path}/${slot}`);
        return x;
      }),
    );
    const layers = graph.layers.flatMap((l) => [`${l.name}/input`, `${l.name}/weight`, `${l.name}/bias`]);
    const outputs = ["image", ...graph.nodes.map((n) => n.name)].map((name) => `${name}/output`);
    expect(seen.toSorted()).toEqual([...layers, ...outputs].toSorted());
  });

  test("goes on with what the tap returns", () => {
    const y = new Graph(tiny).forward(
      tensor([1, 2]),
      tapFrom((path, _, x) => (path === "s" ? zeros(x.shape) : x)),
    ).y;
    expect(Array.from(y.data)).toEqual([2, 4]);
  });

  test("an identity tap changes nothing, and streaming node by node is the same", () => {
    const whole = graph.forward(image);
    const env = graph.begin(image);
    graph.nodes.forEach((node, i) => {
      runNode(graph, node, env, identityTap);
      for (const name of graph.dyingAfter(i)) env.delete(name);
    });
    expect(graph.finish(env)).toEqual(whole);
    expect([...env.keys()].toSorted()).toEqual(["heat", "left"]);
  });

  test("drops every intermediate after its last reader", () => {
    const g = new Graph(tiny);
    expect([0, 1, 2].map((i) => g.dyingAfter(i))).toEqual([["x"], [], ["d", "s"]]);
  });

  test("counts multiply-accumulates per layer and together", () => {
    expect(graph.macs("stem")).toBe(8 * 8 * 8 * 3 * 9);
    expect(graph.macs()).toBe(graph.layers.reduce((n, l) => n + graph.macs(l.name), 0));
    expect(() => graph.macs("pool")).toThrow('graph.macs: the name must be a layer\'s, got "pool"');
    expect(describeGraph(graph)).toMatchObject({ ops: { conv2d: 6, relu: 2, maxPool2d: 1 }, macs: graph.macs() });
  });

  test("takes other parameters of the same shape only", () => {
    const changed = graph.withParameters(new Map([["stem.bias", ones([8])]]));
    expect(changed.parameters.get("stem.bias")?.data[0]).toBe(1);
    expect(graph.withParameters(graph.parameters).forward(image)).toEqual(graph.forward(image));
    expect(() => graph.withParameters(new Map([["stem.bias", ones([9])]]))).toThrow("stem.bias must have shape [8], got [9]");
    expect(() => graph.withParameters(new Map([["nothing", ones([9])]]))).toThrow(
      'every name must be a parameter of the graph, got "nothing"',
    );
  });

  test("refuses inputs of another shape or type", () => {
    expect(() => graph.forward(zeros([1, 3, 8, 8]))).toThrow("image must be f32[1,3,16,16], got f32[1,3,8,8]");
    expect(() => graph.forward(zeros([1, 3, 16, 16], "f64"))).toThrow("got f64[1,3,16,16]");
  });
});

describe("several inputs", () => {
  const two = new Graph({
    ...tiny,
    inputs: [port("image", [-1, 2]), port("scale", [-1, 1])],
    nodes: [{ name: "join", op: mul.def, attrs: {}, inputs: ["image", "scale"], outputs: ["y"] }],
    parameters: new Map(),
  });
  const image = tensor([[1, 2]]);

  test("are given by name, in any order, and announced", () => {
    const seen: string[] = [];
    const tap = tapFrom((path, _, x) => {
      seen.push(path);
      return x;
    });
    expect([...two.forward({ scale: tensor([[3]]), image }, tap).y.data]).toEqual([3, 6]);
    expect(seen).toEqual(["image", "scale", "y"]);
    expect(new Graph(tiny).forward({ x: tensor([1, 2]) })).toEqual(new Graph(tiny).forward(tensor([1, 2])));
  });

  test("replay as they run", () => {
    const run = perInput(two, (x) => two.forward(x), compile);
    for (const k of [3, 4]) expect([...run({ image, scale: tensor([[k]]) }).y.data]).toEqual([k, 2 * k]);
    expect([...perInput(new Graph(tiny), (x) => new Graph(tiny).forward(x), compile)(zeros([2])).y.data]).toEqual([0.5, 0.5]);
  });

  test.each([
    ["one tensor", image, "graph.forward: a graph with 2 inputs must get them by name (image, scale), got one tensor f32[1,2]"],
    ["a missing one", { image }, 'graph.forward: input "scale" must be given, got image (graph tiny)'],
    ["a misspelt one", { image, scle: image }, 'every name must be an input of the graph, got "scle" (did you mean "scale"?)'],
    ["one too many", { image, scale: tensor([[1]]), size: image }, 'every name must be an input of the graph, got "size"'],
    ["another shape", { image, scale: tensor([[1, 2]]) }, "graph.forward: scale must be f32[-1,1], got f32[1,2]"],
    ["two batches", { image, scale: tensor([[1], [2]]) }, "all inputs must share one batch, got image with 1 and scale with 2"],
  ])("%s is refused", (_, x, message) => {
    expect(() => two.forward(x as GraphInput)).toThrow(message);
  });
});

describe("a malformed graph is refused", () => {
  const [first, second, third] = tiny.nodes;
  test.each([
    ["a reader before the writer", { nodes: [second, first, third] }, 'node "squash" must read tensors written before it, got "d"'],
    ["a name written twice", { nodes: [first, { ...second, outputs: ["d"] }, third] }, 'every tensor must be written once, got "d" twice'],
    ["two nodes of one name", { nodes: [first, { ...second, name: "double" }, third] }, 'node names must be unique, got "double" twice'],
    ["an output nobody writes", { outputs: [port("z", [2])] }, 'output "z" must be written by a node, got none'],
    [
      "an op that does not take its inputs",
      {
        inputs: [port("x", [2, 3])],
        nodes: [
          { ...first, inputs: ["x", "x"] },
          { ...second, inputs: ["d", "d"], op: add.def },
          { ...third, op: relu.def, inputs: ["nothing"] },
        ],
      },
      'got "nothing"',
    ],
  ])("%s", (_, change, message) => {
    expect(() => new Graph({ ...tiny, ...change })).toThrow(message);
  });

  test("and the error of an op names the node", () => {
    const parts = { ...tiny, parameters: new Map([["two", ones([3])]]) };
    expect(() => new Graph(parts)).toThrow(/^graph: node "double" must fit its inputs, got mul: shapes must broadcast/);
  });
});
