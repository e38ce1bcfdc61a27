import { basename, dirname } from "node:path";
import { gapsOf } from "../detect/index.ts";
import { type Inspection, inspect } from "../job/index.ts";
import { checkOutput, readModel, UsageError, writeFileAtomic } from "../node/index.ts";
import { shownJson, shownName } from "../shown.ts";
import { formatShape } from "../tensor/index.ts";
import type { Command } from "./command.ts";
import { EXIT, type Io } from "./io.ts";
import { columns, jsonText, percent, short } from "./text.ts";
import { textOf } from "./values.ts";

/** `inlierq inspect`: what a model holds and what quantizing it would do; runs nothing. */
export const inspectCommand: Command = {
  name: "inspect",
  about: "show ops, parameters, MACs, inputs, outputs and the layers that would be quantized",
  operands: ["MODEL"],
  flags: {
    layers: { type: "boolean", about: "list every layer; --no-layers leaves the list out", fallback: "on" },
    json: { type: "boolean", about: "print JSON" },
    card: {
      type: "boolean",
      about: "print the detector card alone: complete for a detector that is recognised, else with a ? at every gap",
    },
    out: { type: "string", value: "FILE", about: "write the card there" },
    force: { type: "boolean", about: "replace FILE" },
  },
  examples: [
    "inlierq inspect yolox-nano.onnx",
    "inlierq inspect detector.onnx --no-layers",
    "inlierq inspect npm:@vladmandic/human/models/centernet.json --no-layers",
    "inlierq inspect detector.onnx --card --out card.json",
  ],
  run({ operands, values, io }) {
    const out = textOf(values, "out");
    if (out !== undefined && values.card !== true) throw new UsageError("--out", "must come with --card, got no --card");
    if (out !== undefined) checkOutput(dirname(out), [basename(out)], values.force === true);
    const model = readModel(operands[0]);
    const found = inspect(model, model.name);
    if (values.card === true) {
      writeCard(found, out, io);
      return Promise.resolve(EXIT.done);
    }
    io.out(values.json === true ? jsonText(found) : inspectionText(found, values.layers !== false));
    return Promise.resolve(EXIT.done);
  },
};

/** The card to the file or to the results, and which gaps it has to the messages. */
function writeCard({ card, matched }: Inspection, out: string | undefined, io: Io): void {
  const text = jsonText(card);
  if (out === undefined) io.out(text);
  else {
    writeFileAtomic(out, text);
    io.out(`wrote ${out}\n`);
  }
  const gaps = gapsOf(card);
  if (!matched)
    io.err(`no preset matches this graph; check the card and replace every "?": ${shownName(gaps.join(", "), 2000) || "none"}\n`);
}

function inspectionText(found: Inspection, withLayers: boolean): string {
  const { description: d, policies, matched, card } = found;
  const port = (p: Inspection["description"]["inputs"][number]): string => `${p.name} ${p.dtype}${formatShape(p.shape)}`;
  const depthwise = d.layers.filter((l) => l.depthwise).length;
  const facts = [
    ["model", found.name],
    ["parameters", short(d.parameters)],
    ["MACs", short(d.macs)],
    ["layers", `${d.layers.length}, of which ${depthwise} depthwise`],
    [
      "ops",
      Object.entries(d.ops)
        .map(([op, count]) => `${op} ${count}`)
        .join(", "),
    ],
    ...d.inputs.map((p) => ["input", port(p)]),
    ...d.outputs.map((p) => ["output", port(p)]),
    ...cardFacts(found),
  ];
  if (matched) {
    for (const [name, p] of Object.entries(policies)) {
      facts.push([`policy ${name}`, `${p.layers.length} of ${d.layers.length} layers quantized, ${percent(p.macsFraction)} of MACs`]);
    }
  }
  const parts = [columns(facts, "words")];
  if (withLayers) parts.unshift(layerTable(found));
  if (!matched) {
    parts.push("no preset matches this graph; complete this card and pass it with --card:", shownJson(card, 2));
  }
  return `${parts.join("\n\n")}\n`;
}

/** What the matching preset says about the input and the outputs. */
function cardFacts({ matched, card }: Inspection): string[][] {
  if (!matched) return [["detector", "none recognised"]];
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
  const preparation = `${input.resize}, (pixel - ${formatShape(input.mean)}) / ${formatShape(input.std)}`;
  return [
    ["detector", `preset ${name}, ${classes.length} classes`],
    ["pictures", `${input.width}x${input.height} ${input.layout} ${input.color}, ${preparation}`],
    ["heatmap and boxes", roles.join(", ")],
  ];
}

function layerTable({ description, policies, matched }: Inspection): string {
  const names = matched ? Object.keys(policies) : [];
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
