import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "../../src/autograd/index.ts";
import { decodePicture } from "../../src/data/index.ts";
import { type QuantizeResult, quantize, readQuantized } from "../../src/job/index.ts";
import { inferInteger, prepareInteger, proveEquality, tapOf } from "../../src/quant/index.ts";
import type { Inputs, SpecOf } from "../problems.ts";
import type { Solution, Solver } from "../solver.ts";
import { solution } from "./eager.ts";

type Spec = SpecOf<"modelInt8">;

const quantized = new Map<string, Promise<QuantizeResult>>();

/** The detector quantized on a few pictures with observed ranges: how it is calibrated does not change how fast it runs. */
function quantizedModel({ file, pictures }: Spec, data: string): Promise<QuantizeResult> {
  const make = (): Promise<QuantizeResult> => {
    const folder = join(data, "coco-calib64");
    const samples = readdirSync(folder)
      .filter((name) => name.endsWith(".jpg"))
      .sort()
      .slice(0, pictures)
      .map((name) => ({ name, picture: decodePicture(readFileSync(join(folder, name))) }));
    const name = file.replace(".onnx", "");
    return quantize(readFileSync(join(data, "models", file)), { samples, name, method: "minmax", scheme: "W8A8", gate: "kept=0" });
  };
  const made = quantized.get(file) ?? make();
  quantized.set(file, made);
  return made;
}

async function planOf(spec: Spec) {
  const data = process.env.INLIERQ_DATA;
  if (!data) return "INLIERQ_DATA is not set";
  const { onnx } = await quantizedModel(spec, data);
  return readQuantized(onnx, spec.file);
}

/** Quantized values, float arithmetic, replayed. */
export const simulatedModel: Solver = {
  async modelInt8(spec: Spec, { x }: Inputs): Promise<Solution | string> {
    const made = await planOf(spec);
    if (typeof made === "string") return made;
    const tap = tapOf(made.graph, made.plan);
    const forward = compile((input) => Object.values(made.graph.forward(input, tap)));
    return solution(() => forward(x!));
  },
};

/** Codes multiplied in integers, proved equal to the simulation on the input. */
export const integerModel: Solver = {
  async modelInt8(spec: Spec, { x }: Inputs): Promise<Solution | string> {
    const made = await planOf(spec);
    if (typeof made === "string") return made;
    const model = prepareInteger(made.graph, made.plan);
    const { violations } = proveEquality(model, x!);
    if (violations > 0) return `${violations} codes differ from the simulation`;
    return solution(() => Object.values(inferInteger(model, x!)));
  },
};
