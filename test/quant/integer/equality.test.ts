import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Graph, type Node } from "../../../src/graph/index.ts";
import { emptyPlan, inferInteger, type Plan, prepareInteger, proveEquality, tapOf } from "../../../src/quant/index.ts";
import { add, conv2d, type Draw, full, type Tensor, tensor } from "../../../src/tensor/index.ts";
import { drawWith } from "../../laws/draw.ts";
import { drawNetwork, snapPlan } from "./networks.ts";
import { convStack, planOf } from "./plans.ts";

function drawPlan(draw: Draw, graph: Graph, x: Tensor): Plan {
  const kept = draw.int(0, 3) === 0 ? draw.oneOf(graph.layers).name : "";
  const options = {
    weightBits: draw.int(2, 8),
    activationBits: draw.int(2, 8),
    weightMapping: draw.oneOf(["affine", "symmetricNarrow", "symmetricHalf"] as const),
    signed: draw.bool(),
    perChannel: draw.bool(),
  };
  return planOf(graph, x, options, (layer) => layer.name !== kept);
}

describe("an integer model", () => {
  it("gives the simulation's outputs to the bit where float sums are exact", () => {
    let onCodes = 0;
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const draw = drawWith(g, "f32");
        const { graph, x } = drawNetwork(draw, true);
        const plan = snapPlan(drawPlan(draw, graph, x));
        const model = prepareInteger(graph, plan);
        onCodes += model.steps.filter((s) => s.kind === "conv" || s.kind === "depthwise").length;
        const [found, expected] = [inferInteger(model, x), graph.forward(x, tapOf(graph, plan))];
        for (const [name, { data }] of Object.entries(expected))
          expect(
            Array.from(found[name].data, (v) => v + 0),
            name,
          ).toEqual(Array.from(data, (v) => v + 0));
        const { codes, identical } = proveEquality(model, x);
        expect(identical).toBe(codes);
      }),
      { numRuns: 4 * (fc.readConfigureGlobal().numRuns ?? 100) },
    );
    expect(onCodes).toBeGreaterThan(50);
  });

  it("gives the simulation's codes but for rounding boundaries, whatever the scales and activations", () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const draw = drawWith(g, "f32");
        const { graph, x } = drawNetwork(draw, false);
        const { codes, boundary, violations, floats } = proveEquality(prepareInteger(graph, drawPlan(draw, graph, x)), x);
        expect(violations).toBe(0);
        expect(boundary).toBeLessThanOrEqual(0.01 * codes);
        for (const f of floats) expect(f.difference, f.tensor).toBeLessThanOrEqual(1e-5 * Math.max(1, f.largest));
      }),
      { numRuns: 2 * (fc.readConfigureGlobal().numRuns ?? 100) },
    );
  });

  it("gives a batch what it gives its images", () => {
    const { graph, x } = convStack({ layers: 2, channels: 5, size: 9, batch: 3 });
    const model = prepareInteger(graph, planOf(graph, x));
    const all = inferInteger(model, x).x2;
    expect(all.shape).toEqual([3, 5, 9, 9]);
    const size = x.size / 3;
    for (let n = 0; n < 3; n++) {
      const image = tensor(x.data.slice(n * size, (n + 1) * size), [1, 5, 9, 9]);
      expect(inferInteger(model, image).x2.data).toEqual(all.data.slice(n * size, (n + 1) * size));
    }
    expect(inferInteger(model, x).x2.data).toEqual(all.data);
  });
});

describe("a layer no integer kernel takes", () => {
  const kinds = (graph: Graph, plan: Plan): string[] => prepareInteger(graph, plan).steps.map((s) => s.kind);

  it("is simulated: 16-bit activations", () => {
    const { graph, x } = convStack({ layers: 2, channels: 4, size: 6, batch: 1 });
    const plan = planOf(graph, x, { activationBits: 16 });
    expect(kinds(graph, plan)).toEqual(["simulated", "float", "simulated", "float"]);
    expect(inferInteger(prepareInteger(graph, plan), x)).toEqual(graph.forward(x, tapOf(graph, plan)));
  });

  it("is simulated: a zero point that is no byte", () => {
    const { graph, x } = convStack({ layers: 1, channels: 4, size: 6, batch: 1 });
    const plan = planOf(graph, x);
    const site = plan.activations.get("x0")!;
    const activations = new Map([["x0", { ...site, params: { ...site.params, zeroPoint: full([1], -3) } }]]);
    expect(kinds(graph, { ...plan, activations })).toEqual(["simulated", "float"]);
  });

  it("is simulated: a fixed batch of several images", () => {
    const { graph: free, x } = convStack({ layers: 1, channels: 4, size: 6, batch: 2 });
    const fixed = (ports: Graph["inputs"]): Graph["inputs"] => ports.map((p) => ({ ...p, shape: [2, ...p.shape.slice(1)] }));
    const graph = new Graph({ ...free, name: free.name, inputs: fixed(free.inputs), outputs: fixed(free.outputs) });
    const plan = planOf(graph, x);
    expect(kinds(graph, plan)).toEqual(["simulated", "float"]);
    expect(inferInteger(prepareInteger(graph, plan), x)).toEqual(graph.forward(x, tapOf(graph, plan)));
  });

  it("adds a bias in float where it does not fit int32", () => {
    const { graph: stack, x } = convStack({ layers: 1, channels: 4, size: 6, batch: 1 });
    const graph = stack.withParameters(new Map([["b0", tensor([1e6, -1e6, 1, 0])]]));
    const plan = planOf(graph, x, { perChannel: false });
    const tiny = full([4], 1e-8);
    const weights = new Map([["w0", { ...plan.weights.get("w0")!, params: { scale: tiny, zeroPoint: full([4], 0) } }]]);
    const model = prepareInteger(graph, { ...plan, weights });
    const [found, expected] = [inferInteger(model, x).x1, graph.forward(x, tapOf(graph, { ...plan, weights })).x1];
    expect(expected.data[0]).toBeGreaterThan(9e5);
    found.data.forEach((v, i) => expect(Math.abs(v - expected.data[i])).toBeLessThanOrEqual(1e-6 * Math.abs(expected.data[i])));
  });

  it("does not exist where nothing is quantized", () => {
    const { graph, x } = convStack({ layers: 1, channels: 4, size: 6, batch: 2 });
    expect(kinds(graph, emptyPlan)).toEqual(["float", "float"]);
    expect(inferInteger(prepareInteger(graph, emptyPlan), x)).toEqual(graph.forward(x));
  });
});

describe("residual sums of integer layers", () => {
  it("stay in the model's memory, whoever reads them", () => {
    const { graph: stack, x } = convStack({ layers: 4, channels: 5, size: 7, batch: 1 });
    const sum = (name: string, inputs: readonly string[]) => ({ name, op: add.def, attrs: {}, inputs, outputs: [name] });
    const [c0, r0, c1, r1, c2, r2, c3, r3] = stack.nodes;
    const reading = (node: Node, input: string): Node => ({ ...node, inputs: [input, ...node.inputs.slice(1)] });
    const nodes = [c0, r0, c1, r1, sum("s", ["x1", "x2"]), reading(c2, "s"), r2, sum("t", ["x3", "s"]), reading(c3, "t"), r3];
    const outputs = ["t", "x4"].map((name) => ({ ...stack.outputs[0], name }));
    const graph = new Graph({ name: "residual", inputs: stack.inputs, outputs, nodes, parameters: stack.parameters });
    const plan = snapPlan(planOf(graph, x));
    const model = prepareInteger(graph, plan);
    expect(model.steps.map((s) => s.kind)).toEqual(["quantize", "conv", "conv", "sum", "conv", "sum", "conv"]);
    expect(proveEquality(model, x)).toMatchObject({ violations: 0 });
    const [found, expected] = [inferInteger(model, x), graph.forward(x, tapOf(graph, plan))];
    for (const { name } of outputs) found[name].data.forEach((v, i) => expect(v).toBeCloseTo(expected[name].data[i], 4));
  });
});

describe("float nodes", () => {
  it("run in one group where nothing in integers stands between, and leave results that stay", () => {
    const { graph, x } = convStack({ layers: 4, channels: 4, size: 6, batch: 1 });
    const plan = planOf(graph, x, {}, (layer) => layer.name === "conv0");
    const model = prepareInteger(graph, plan);
    expect(model.steps.map((s) => [s.kind, s.name])).toEqual([
      ["quantize", "x0"],
      ["conv", "conv0"],
      ["float", "conv1 to relu3"],
    ]);
    const first = inferInteger(model, x).x4;
    const copy = first.data.slice();
    const other = inferInteger(model, tensor(x.data.map((v: number) => 1 - v) as Float32Array, x.shape)).x4;
    expect(first.data).toEqual(copy);
    expect(other.data).not.toEqual(copy);
    expect(proveEquality(model, x)).toMatchObject({ violations: 0, boundary: 0 });
  });
});

describe("proveEquality", () => {
  it("finds a single weight that is off", () => {
    const { graph, x } = convStack({ layers: 2, channels: 4, size: 6, batch: 1 });
    const model = prepareInteger(graph, planOf(graph, x));
    expect(proveEquality(model, x).violations).toBe(0);
    const off = (graph.parameters.get("w0") as Tensor).data.slice() as Float32Array;
    off[20] += 0.3;
    const simulated = graph.withParameters(new Map([["w0", tensor(off, [4, 4, 3, 3])]]));
    const { sites } = proveEquality({ ...model, graph: simulated }, x);
    expect(sites.filter((s) => s.violations > 0).map((s) => s.tensor)).toEqual(["x1"]);
  });
});

describe("prepareInteger", () => {
  const single = (shape: readonly [number, number, number, number]): Graph =>
    new Graph({
      name: "single",
      inputs: [{ name: "x", shape: [1, shape[1], shape[2], shape[3]], dtype: "f32" }],
      outputs: [{ name: "y", shape: [1, shape[0], 1, 1], dtype: "f32" }],
      nodes: [
        {
          name: "conv",
          op: conv2d.def,
          attrs: { stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1 },
          inputs: ["x", "w"],
          outputs: ["y"],
        },
      ],
      parameters: new Map([["w", full(shape, 1)]]),
    });

  it("refuses layers whose sums could leave int32", () => {
    const graph = single([1, 1100, 6, 6]);
    const x = tensor(new Float32Array(1100 * 36).fill(1), [1, 1100, 6, 6]);
    expect(() => prepareInteger(graph, planOf(graph, x))).toThrow(
      /^prepareInteger: sums must stay within int32, got up to \d+ \(layer "conv", output channel 0, 39600 terms\)$/,
    );
  });

  it("sums long rows of the largest codes exactly", () => {
    const graph = single([1, 900, 6, 6]);
    const x = tensor(new Float32Array(900 * 36).fill(1), [1, 900, 6, 6]);
    const model = prepareInteger(graph, snapPlan(planOf(graph, x, { weightMapping: "symmetricNarrow" })));
    expect(inferInteger(model, x).y.data[0]).toBe(32400);
  });
});
