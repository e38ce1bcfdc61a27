import { type Inspection, inspect } from "../job/index.ts";
import { readModel } from "../node/index.ts";
import { formatShape } from "../tensor/index.ts";
import type { Command } from "./command.ts";
import { EXIT } from "./io.ts";
import { columns, jsonText, percent, short } from "./text.ts";

/** `inlierq inspect`: what a model holds and what quantizing it would do; runs nothing. */
export const inspectCommand: Command = {
  name: "inspect",
  about: "show ops, parameters, MACs, inputs, outputs and the layers that would be quantized",
  operands: ["MODEL"],
  flags: {
    layers: { type: "boolean", about: "list every layer" },
    json: { type: "boolean", about: "print JSON" },
  },
  examples: ["inlierq inspect yolox-nano.onnx", "inlierq inspect detector.onnx --layers"],
  run({ operands, values, io }) {
    const { name, bytes } = readModel(operands[0]);
    const found = inspect(bytes, name);
    io.out(values.json === true ? jsonText(found) : inspectionText(found, values.layers === true));
    return Promise.resolve(EXIT.done);
  },
};

function inspectionText(found: Inspection, withLayers: boolean): string {
  const { description: d, policies } = found;
  const port = (p: Inspection["description"]["inputs"][number]): string => `${p.name} ${p.dtype}${formatShape(p.shape)}`;
  const ops = Object.entries(d.ops).map(([op, count]) => `${op} ${count}`);
  const lines = [
    columns([
      ["model", ""],
      ["parameters", short(d.parameters)],
      ["MACs", short(d.macs)],
      ["layers", `${d.layers.length}, of which ${d.layers.filter((l) => l.depthwise).length} depthwise`],
    ]).replace(/^model.*$/m, `model       ${found.name}`),
    `ops         ${ops.join(", ")}`,
    ...d.inputs.map((p) => `input       ${port(p)}`),
    ...d.outputs.map((p) => `output      ${port(p)}`),
    ...cardLines(found),
    ...Object.entries(policies).map(
      ([name, p]) => `policy ${name}: ${p.layers.length} of ${d.layers.length} layers quantized, ${percent(p.macsFraction)} of MACs`,
    ),
  ];
  if (withLayers) lines.push("", layerTable(found));
  if (!found.matched) {
    lines.push("", "no preset matches this graph; complete this card and pass it with --card:", JSON.stringify(found.card, null, 2));
  }
  return `${lines.join("\n")}\n`;
}

/** What the matching preset says about the input and the outputs. */
function cardLines({ matched, card }: Inspection): string[] {
  if (!matched) return ["detector    none recognised"];
  const { name, input, outputs, classes } = card as {
    name: string;
    classes: readonly string[];
    input: {
      layout: string;
      color: string;
      resize: string;
      width: number;
      height: number;
      mean: readonly number[];
      std: readonly number[];
    };
    outputs: Readonly<Record<string, string>>;
  };
  const roles = Object.entries(outputs).map(([role, tensor]) => `${role} = ${tensor}`);
  return [
    `detector    preset ${name}, ${classes.length} classes`,
    `pictures    ${input.width}x${input.height} ${input.layout} ${input.color}, ${input.resize}, (pixel - ${formatShape(input.mean)}) / ${formatShape(input.std)}`,
    `heads       ${roles.join(", ")}`,
  ];
}

function layerTable({ description, policies }: Inspection): string {
  const names = Object.keys(policies);
  const quantized = names.map((name) => new Set(policies[name].layers));
  return columns([
    ["layer", "kind", "weight", "input", "MACs", ...names],
    ...description.layers.map((l) => [
      l.name,
      l.depthwise ? "depthwise" : l.kind,
      l.weight,
      l.input,
      short(l.macs),
      ...quantized.map((set) => (set.has(l.name) ? "yes" : "float")),
    ]),
  ]);
}
