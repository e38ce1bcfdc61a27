import { METHOD_NAMES, type SensitivityResult, sensitivity } from "../job/index.ts";
import { readModel, sensitivityFiles, UsageError, writeOutput } from "../node/index.ts";
import { costText, type High, parseBudget, type SensitivityItem, type SensitivityRecord } from "../quant/index.ts";
import { isLifted } from "../report/index.ts";
import { shownJson } from "../shown.ts";
import { inputsOf, readAhead } from "./calibration.ts";
import { type Command, type Invocation, THREADS, type Values } from "./command.ts";
import { EXIT } from "./io.ts";
import { progressView } from "./progress.ts";
import { configOf } from "./quantize.ts";
import { columns, jsonText } from "./text.ts";
import { asUsage, textOf, wholeOf, wordOf } from "./values.ts";

const TOP = 20;
const MODES = ["isolated", "accumulated"] as const;

/** `inlierq sensitivity`: which tensors and weights a quantized network suffers from, and what to lift for a budget. */
export const sensitivityCommand: Command = {
  name: "sensitivity",
  about: "rank activation tensors and layers by the damage their quantization does, without labels",
  operands: ["MODEL"],
  flags: {
    calibrate: { type: "string", value: "PATH", about: "pictures or arrays, as for quantize", required: true },
    scheme: { type: "string", value: "WnAm", about: "bits of weights and activations that are asked about, 2 to 8", fallback: "W4A4" },
    method: { type: "string", value: "NAME", about: `how ranges are found: ${METHOD_NAMES.join(", ")}`, fallback: "mse" },
    samples: { type: "string", value: "N", about: "samples used, chosen by the seed where there are more", fallback: "16" },
    seed: { type: "string", value: "N", about: "same seed, same answer", fallback: "0" },
    policy: {
      type: "string",
      value: "NAME",
      about: "what stays float: inlierq (the head) or regptq (the last predictions)",
      fallback: "inlierq",
    },
    exclude: { type: "string", value: "PATTERN", about: "leave these layers in float; repeatable", multiple: true },
    config: { type: "string", value: "FILE", about: "JSON file with any option of quantize; flags win" },
    mode: {
      type: "string",
      value: "NAME",
      about: "isolated (quantize one thing, all else in float) or accumulated (quantize all, lift one thing)",
      fallback: "isolated, which still tells things apart where the whole network is past finding anything",
    },
    high: { type: "string", value: "BITS", about: "what is lifted to: 3 to 8 bits, or float (whole layers)", fallback: "8, at W8A8 float" },
    budget: {
      type: "string",
      value: "LIMIT",
      about: "propose what to lift: storage=1.2MB, bops=3G, or elements=25% of the activation elements",
    },
    card: { type: "string", value: "FILE", about: "detector card for models no preset matches (see inspect)" },
    top: { type: "string", value: "N", about: "rows printed, the worst first; files hold all", fallback: String(TOP) },
    out: {
      type: "string",
      value: "DIR",
      about: "also write sensitivity.json, sensitivity.md, a figure, and config.json with the proposal",
    },
    force: { type: "boolean", about: "replace files of an earlier run" },
    threads: THREADS,
    json: { type: "boolean", about: "print JSON; progress as JSON lines on stderr" },
  },
  examples: [
    "inlierq sensitivity yolox-nano.onnx --calibrate photos --scheme W4A4",
    "inlierq sensitivity yolox-nano.onnx --calibrate photos --budget elements=25% --out ranked",
    "inlierq quantize yolox-nano.onnx --calibrate photos --config ranked/config.json --out out",
    "inlierq sensitivity yolox-nano.onnx --calibrate photos --scheme W8A8 --budget elements=10%",
  ],
  run: runSensitivity,
};

async function runSensitivity({ operands, values, threads, io, signal }: Invocation): Promise<number> {
  const json = values.json === true;
  // The budget here is of bits; the one of a configuration is of time.
  const { samples: sampleCount = 16, promote: _, promoteBits: __, budget: ___, ...given } = configOf({ ...values, budget: undefined });
  const config = { ...given, scheme: given.scheme ?? "W4A4", method: given.method ?? "mse" };
  const [high, mode, budget, out] = [highOf(values), wordOf(values, "mode", MODES), textOf(values, "budget"), textOf(values, "out")];
  const top = wholeOf(values, "top", 1) ?? TOP;
  if (budget !== undefined) asUsage(() => parseBudget(budget));
  const model = readModel(operands[0]);
  const names = ["sensitivity.json", "sensitivity.md", ...(budget === undefined ? [] : ["config.json"])];
  const choice = { count: sampleCount, seed: config.seed ?? 0, threads };
  const ahead = readAhead(values, choice);
  const { loaded, samples } = await inputsOf(values, model, names, choice, ahead).finally(() => ahead?.close());
  const view = progressView(io, json);
  const result = await sensitivity(loaded.graph, {
    ...config,
    samples,
    sampleCount,
    name: model.name,
    signal,
    onProgress: view.report,
    ...(loaded.card && { card: loaded.card }),
    ...(high !== undefined && { high }),
    ...(mode !== undefined && { mode }),
    ...(budget !== undefined && { budget }),
  }).finally(view.end);
  if (out !== undefined) writeOutput(out, sensitivityFiles(result), values.force === true);
  io.out(json ? jsonText(result.record) : textFor(result, top));
  if (out !== undefined && !json) io.out(`\nwrote ${out}/${names.join(", ")} and a figure\n`);
  return EXIT.done;
}

function highOf(values: Values): High | undefined {
  const text = textOf(values, "high");
  if (text === undefined || text === "float") return text;
  if (/^[3-8]$/.test(text)) return Number(text);
  throw new UsageError("--high", `must be a whole number from 3 to 8, or float, got "${text}"`);
}

function textFor({ record }: SensitivityResult, top: number): string {
  const { model, scheme, method, mode, high, samples, whole, items, proposal } = record;
  const lifted = high === "float" ? "float" : `${high} bits`;
  const rest = items.length > top ? [[`... ${items.length - top} more`]] : [];
  const parts = [
    `${model} at ${scheme}, ${method}, ${samples.length} sample${samples.length === 1 ? "" : "s"}: damage ${figure(whole.total)} with everything quantized (scores ${figure(whole.scores)}, boxes ${figure(whole.boxes)})`,
    mode === "isolated"
      ? `isolated: only that one quantized; gain of lifting it to ${lifted}: the damage it does`
      : `accumulated: everything quantized, only that one lifted to ${lifted}; gain: the damage that takes away`,
    columns([
      ["name", "what", "bits", "elements", "gain", "scores", "boxes", ...(proposal ? ["lifted"] : [])],
      ...items.slice(0, top).map((i) => rowOf(i, proposal)),
      ...rest,
    ]),
    ...(proposal ? [proposalText(proposal)] : []),
  ];
  return `${parts.join("\n\n")}\n`;
}

const figure = (value: number): string => String(Number(value.toPrecision(3)));

const rowOf = (item: SensitivityItem, proposal: SensitivityRecord["proposal"]): string[] => [
  item.name,
  item.kind,
  String(item.bits),
  String(item.elements),
  figure(item.gain),
  figure(item.damage.scores),
  figure(item.damage.boxes),
  ...(proposal ? [isLifted(item, proposal) ? "yes" : ""] : []),
];

function proposalText({ budget, start, spent, bits }: NonNullable<SensitivityRecord["proposal"]>): string {
  const cost = (value: number): string => costText(budget, value);
  const from = start > 0 ? ` of ${cost(start)} with nothing lifted` : "";
  return [
    `proposal for ${budget.cost}=${cost(budget.limit)}: spends ${cost(spent)}${from ? ` instead${from}` : ""}`,
    `{ "bits": [`,
    bits.map((rule) => `  ${shownJson(rule)}`).join(",\n"),
    `] }`,
  ].join("\n");
}
