import { Graph, type Node } from "../../src/graph/index.ts";
import { inferInteger, makeScheme, type Plan, prepareInteger, proveEquality, type SitePlan } from "../../src/quant/index.ts";
import { conv2d, fakeQuant, relu, Tensor, tensor, zeros } from "../../src/tensor/index.ts";
import type { Inputs, SpecOf } from "../problems.ts";
import type { Solution, Solver } from "../solver.ts";
import { activationCodes, solution, weightScales } from "./eager.ts";

type Spec = SpecOf<"stackInt8">;

const PADDED = { stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1 };

/** conv, ReLU, conv, ReLU, … and the quantizer of the result. */
function graphOf(spec: Spec, inputs: Inputs): Graph {
  const parameters = new Map<string, Tensor>();
  const nodes: Node[] = [];
  for (let i = 0; i < spec.layers; i++) {
    parameters.set(`w${i}`, inputs[`w${i}`]!).set(`b${i}`, inputs[`b${i}`]!);
    nodes.push({ name: `conv${i}`, op: conv2d.def, attrs: PADDED, inputs: [`x${i}`, `w${i}`, `b${i}`], outputs: [`y${i}`] });
    nodes.push({ name: `relu${i}`, op: relu.def, attrs: {}, inputs: [`y${i}`], outputs: [`x${i + 1}`] });
  }
  const { scale, zeroPoint } = activationCodes(spec)[spec.layers]!;
  parameters.set("scale", tensor([scale])).set("zeroPoint", tensor([zeroPoint]));
  const last = [`x${spec.layers}`, "scale", "zeroPoint"];
  nodes.push({ name: "quantize", op: fakeQuant.def, attrs: { qmin: 0, qmax: 255, axis: null }, inputs: last, outputs: ["out"] });
  const [, channels, height, width] = inputs.x!.shape;
  const port = (name: string) => ({ name, shape: [-1, channels!, height!, width!], dtype: "f32" as const });
  return new Graph({ name: "stack", inputs: [port("x0")], outputs: [port("out")], nodes, parameters });
}

function planOf(spec: Spec, inputs: Inputs): Plan {
  const codes = activationCodes(spec);
  const names = Array.from({ length: spec.layers }, (_, i) => i);
  const activation = (i: number): SitePlan => ({
    params: { scale: tensor([codes[i]!.scale]), zeroPoint: tensor([codes[i]!.zeroPoint]) },
    scheme: makeScheme({ bits: 8, signed: false, axis: null }),
  });
  const weight = (i: number): SitePlan => {
    const scale = weightScales(spec, inputs[`w${i}`]!);
    const scheme = makeScheme({ bits: spec.weightBits, mapping: "symmetricNarrow", signed: true, axis: 0 });
    return { params: { scale, zeroPoint: zeros([scale.size]) }, scheme };
  };
  return {
    layers: new Set(names.map((i) => `conv${i}`)),
    activations: new Map(names.map((i) => [`x${i}`, activation(i)])),
    weights: new Map(names.map((i) => [`w${i}`, weight(i)])),
    biases: new Map(),
    tuned: new Map(),
  };
}

/** Codes multiplied in integers, proved equal to the simulation on the first image. */
function stackInt8(spec: Spec, inputs: Inputs): Solution | string {
  const x = inputs.x!;
  const model = prepareInteger(graphOf(spec, inputs), planOf(spec, inputs));
  const [batch, ...image] = x.shape;
  const { violations } = proveEquality(model, new Tensor([1, ...image], "f32", (x.data as Float32Array).slice(0, x.size / batch!)));
  if (violations > 0) return `${violations} codes differ from the simulation`;
  return solution(() => [inferInteger(model, x).out!]);
}

/** Quantized networks run in integers. */
export const integer: Solver = { stackInt8 };
