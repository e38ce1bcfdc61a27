import { AbortError } from "../errors.ts";
import type { Estimate, QuantizeConfig, QuantizeResult, Sample } from "../job/index.ts";
import { EQUALIZER_NAMES, integerFileOf, METHOD_NAMES, parseConfig, parseDuration, parseGate, quantize, Samples } from "../job/index.ts";
import {
  type Agreement,
  compareWithRuntime,
  diskShelf,
  journalKey,
  RuntimeError,
  readModel,
  resultFiles,
  runtimeInstalled,
  UsageError,
  writeOutput,
} from "../node/index.ts";
import { boundedShelf, parseScheme, type Shelf } from "../quant/index.ts";
import { shownName } from "../shown.ts";
import { nearest } from "../suggest.ts";
import { withAssignments } from "./assignments.ts";
import { inputsOf, readAhead } from "./calibration.ts";
import { type Command, type Invocation, THREADS, type Values } from "./command.ts";
import { EXIT } from "./io.ts";
import { learningEstimate, learningLines, learningSummary } from "./learning.ts";
import { clock, type ProgressView, progressView } from "./progress.ts";
import { InterruptedError, Resumption } from "./resumption.ts";
import { jsonText, percent, short } from "./text.ts";
import { asUsage, numberOf, readJson, textOf, textsOf, wholeOf } from "./values.ts";

/** Activations that learning keeps in memory; more goes to a temporary file. */
const HELD_BYTES = 600e6;

const POLICIES = ["inlierq", "regptq"];

/** `inlierq quantize`: the main job, a model and pictures in, a quantized model and its record out. */
export const quantizeCommand: Command = {
  name: "quantize",
  about: "quantize a detector after training, with unlabelled pictures or network inputs",
  operands: ["MODEL"],
  flags: {
    calibrate: {
      type: "string",
      value: "PATH",
      about:
        "folder of pictures (.jpg, .jpeg, .png), else of .npy files (a sample each) or .npz files (a sample each, arrays by input name), or one .npy or .npz file with a leading axis over the samples; arrays go to the network as they are",
      required: true,
    },
    out: { type: "string", value: "DIR", about: "where the results go", required: true },
    scheme: { type: "string", value: "WnAm", about: "bits of weights and activations, 2 to 8", fallback: "W8A8" },
    method: { type: "string", value: "NAME", about: `how ranges are found: ${METHOD_NAMES.join(", ")}`, fallback: METHOD_NAMES[0] },
    samples: { type: "string", value: "N", about: "samples used, chosen by the seed where there are more", fallback: "64" },
    seed: { type: "string", value: "N", about: "same seed, same bytes", fallback: "0" },
    policy: {
      type: "string",
      value: "NAME",
      about: "what stays float: inlierq (the head) or regptq (the last predictions)",
      fallback: "inlierq",
    },
    exclude: { type: "string", value: "PATTERN", about: "leave these layers in float (* stands for any text); repeatable", multiple: true },
    equalize: {
      type: "string",
      value: "NAMES",
      about: `rewrite the float network first, in this order: names out of ${EQUALIZER_NAMES.join(", ")}, with commas between`,
    },
    promote: {
      type: "string",
      value: "SHARE",
      about: "give 8 bits to the activation tensors that do most damage, up to this share of all activation elements (0.25)",
    },
    config: { type: "string", value: "FILE", about: "JSON file with any option of the library; flags win" },
    set: {
      type: "string",
      value: "KEY=VALUE",
      about: "one option of the library, or of the chosen method (steps=500, qdrop.kept=0.5); wins over the file; repeatable",
      multiple: true,
    },
    budget: {
      type: "string",
      value: "TIME",
      about: "90s, 10m or 1h for learning, for methods that learn: as many steps as fit, so that results depend on the machine",
    },
    gate: {
      type: "string",
      value: "RULE",
      about: "exit 3 below it: kept=SHARE or ap50=POINTS of detections, sqnr=DB of outputs",
      fallback: "kept=0.5, without a card sqnr=10",
    },
    annotations: { type: "string", value: "FILE", about: "COCO annotations of the calibration pictures, for an ap50 gate" },
    card: { type: "string", value: "FILE", about: "detector card for models no preset matches (see inspect)" },
    "reduce-range": { type: "boolean", about: "7-bit weight codes, for CPUs whose int8 kernels saturate" },
    fusible: { type: "boolean", about: "let runtimes merge layers into integer kernels: faster, a code may differ from the simulation" },
    check: { type: "boolean", about: "run the export in onnxruntime-web too; --no-check skips it", fallback: "on where it is installed" },
    integer: { type: "boolean", about: "also write the compact integer model (.inlierq) that infer and bench run" },
    force: { type: "boolean", about: "replace files of an earlier run" },
    resume: {
      type: "boolean",
      about:
        "go on with an interrupted run into the same folder: same files as without the interruption; with --budget finished units are taken over and the rest of the time is spent",
    },
    threads: THREADS,
    json: { type: "boolean", about: "print JSON; progress as JSON lines on stderr" },
  },
  examples: [
    "inlierq quantize yolox-nano.onnx --calibrate photos --scheme W8A8 --out out",
    "inlierq quantize yolox-nano.onnx --calibrate photos --scheme W4A8 --gate kept=0.9 --out out",
    "inlierq quantize yolox-nano.onnx --calibrate photos --integer --out out",
    "inlierq quantize npm:@vladmandic/human/models/centernet.json --calibrate photos --out out",
    "inlierq quantize yolox-nano.onnx --calibrate inputs.npy --method percentile --out out",
    "inlierq quantize yolox-nano.onnx --calibrate photos --scheme W4A4 --method qdrop --budget 10m --out out",
    "inlierq quantize any-network.onnx --calibrate folder-of-npz --method entropy --gate sqnr=20 --out out",
    "inlierq quantize mobilenet-ssd.onnx --calibrate photos --scheme W4A8 --equalize cross-layer,absorb-bias --out out",
    "inlierq quantize fastestdet.onnx --calibrate photos --scheme W4A4 --set weights=adaround --promote 0.25 --out out",
    "inlierq quantize detector.onnx --card card.json --calibrate photos --exclude 'head.*' --out out",
  ],
  run: runQuantize,
};

async function runQuantize(invocation: Invocation): Promise<number> {
  const { values } = invocation;
  const resumption = new Resumption(textOf(values, "out") as string, { resume: values.resume === true, force: values.force === true });
  const disk = diskShelf();
  try {
    return await quantizeInto(invocation, resumption, boundedShelf(HELD_BYTES, disk));
  } catch (error) {
    throw resumption.explained(error);
  } finally {
    disk.close();
  }
}

async function quantizeInto({ operands, values, threads, io, signal }: Invocation, resumption: Resumption, shelf: Shelf): Promise<number> {
  const json = values.json === true;
  const { samples: sampleCount = 64, ...config } = configOf(values);
  if (values.check === true && !(await runtimeInstalled()))
    throw new UsageError("--check", "onnxruntime-web must be installed, got no such package (npm install onnxruntime-web)");
  const model = readModel(operands[0]);
  const out = textOf(values, "out") as string;
  const scheme = (config.scheme ?? "W8A8").toLowerCase();
  const integer = values.integer === true ? `${model.name}.${scheme}.inlierq` : undefined;
  const names = [`${model.name}.${scheme}.onnx`, ...(integer ? [integer] : []), "record.json", "timing.json", "report.md"];
  const choice = { count: sampleCount, seed: config.seed ?? 0, threads };
  const ahead = readAhead(values, choice);
  const { loaded, samples } = await inputsOf({ ...values, force: resumption.replaces }, model, names, choice, ahead).finally(() =>
    ahead?.close(),
  );
  const view = progressView(io, json);
  const say = (text: string): void => (json ? view.note(text) : io.out(`${text}\n`));
  const result = await quantize(loaded.graph, {
    ...config,
    samples,
    sampleCount,
    card: loaded.card,
    name: model.name,
    shelf,
    journal(full) {
      const journal = resumption.open(journalKey(model, loaded.card, full, samples));
      if (journal.count > 0) say(`resumed: ${journal.count} units are finished`);
      return journal;
    },
    signal,
    onProgress: view.report,
    onEstimate: (e) => say(estimateText(e)),
  }).finally(view.end);
  const files = resultFiles(result, samples);
  if (integer) files.set(integer, integerFileOf(result));
  writeOutput(out, files, resumption.replaces, resumption.stage);
  resumption.end();
  const agreement = values.check === false ? undefined : await checked(result, samples, view, out, signal);
  io.out(json ? jsonText(summaryOf(result, out, agreement)) : summaryText(result, out, agreement));
  if (integer && !json) io.out(`wrote ${out}/${integer} (${short((files.get(integer) as Uint8Array).length)}B)\n`);
  if (!result.gate.passed) io.err(`${result.gate.message}\n`);
  return result.gate.passed ? EXIT.done : EXIT.belowGate;
}

/** The configuration file with the flags laid over it. Errors: UsageError for whatever is wrong with either. */
export function configOf(values: Values): QuantizeConfig {
  const path = textOf(values, "config");
  const file = path === undefined ? {} : asUsage(() => parseConfig(readJson(path), path));
  const excluded = textsOf(values, "exclude");
  const flags = {
    scheme: textOf(values, "scheme"),
    method: oneOf(values, "method", METHOD_NAMES),
    policy: oneOf(values, "policy", POLICIES),
    samples: wholeOf(values, "samples", 1),
    seed: wholeOf(values, "seed", Number.MIN_SAFE_INTEGER),
    gate: textOf(values, "gate"),
    budget: textOf(values, "budget"),
    promote: numberOf(values, "promote", 0.001, 1),
    exclude: excluded.length > 0 ? [...excluded] : undefined,
    reduceRange: values["reduce-range"] as boolean | undefined,
    equalize: textOf(values, "equalize")
      ?.split(",")
      .map((name) => known("equalize", name.trim(), EQUALIZER_NAMES)),
    fusible: values.fusible as boolean | undefined,
  };
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  return asUsage(() => {
    const config = parseConfig({ ...withAssignments(file, textsOf(values, "set"), flags.method), ...given }, "quantize");
    if (config.budget !== undefined) parseDuration(config.budget, "--budget");
    if (config.scheme !== undefined) parseScheme(config.scheme);
    if (config.gate !== undefined) parseGate(config.gate);
    return config;
  });
}

function oneOf(values: Values, name: string, names: readonly string[]): string | undefined {
  const text = textOf(values, name);
  return text === undefined ? undefined : known(name, text, names);
}

function known(name: string, text: string, names: readonly string[]): string {
  if (names.includes(text)) return text;
  const guess = nearest(text, names);
  throw new UsageError(`--${name}`, `must be one of ${names.join(", ")}, got "${text}"${guess ? `; did you mean ${guess}?` : ""}`);
}

/** Runs the export, which is written by then, in the other runtime; undefined where that is not installed. */
async function checked(
  result: QuantizeResult,
  list: readonly Sample[],
  view: ProgressView,
  out: string,
  signal: AbortSignal,
): Promise<Agreement | undefined> {
  const samples = new Samples(list, result.model);
  const after = (done: number, total: number): void => view.report({ stage: "check", done, total, fraction: done / total });
  try {
    return await compareWithRuntime(result.onnx, result.model, result.plan, samples, { after, signal }).finally(view.end);
  } catch (error) {
    if (error instanceof AbortError) throw new InterruptedError("aborted", `the check was not finished; the files are in ${out}`);
    if (error instanceof RuntimeError) throw new RuntimeError("check", `${error.message} (the files are in ${out})`);
    throw error;
  }
}

const estimateText = (estimate: Estimate): string =>
  `estimate: about ${clock(1000 * estimate.seconds)} min and ${short(estimate.bytes)}B of memory${learningEstimate(estimate)}`;

function summaryOf(result: QuantizeResult, out: string, agreement: Agreement | undefined): object {
  const { fileName, record, gate } = result;
  const { model, method, scheme, policy, seed, macs, bytes, cost, detections, units } = record;
  return {
    out,
    file: fileName,
    fileBytes: result.onnx.length,
    model,
    method,
    scheme,
    policy,
    seed,
    macs,
    bytes,
    ...(units.length > 0 && { learning: { units: units.length, ...learningSummary(units) } }),
    cost,
    promotion: record.promotion ?? null,
    detections,
    gate,
    check: agreement ?? null,
  };
}

function summaryText(result: QuantizeResult, out: string, agreement: Agreement | undefined): string {
  const { fileName, record, gate } = result;
  const { macs, bytes, cost, detections, layers } = record;
  const lines = [
    `wrote ${shownName(`${out}/${fileName}`)} (${short(result.onnx.length)}B), record.json, timing.json, report.md`,
    `${percent(macs.fraction)} of MACs quantized (${layers.filter((l) => l.quantized).length} of ${layers.length} layers, policy ${record.policy}), weights ${short(bytes.before)}B -> ${short(bytes.after)}B`,
    `${short(cost.bops)} bit operations (${percent(cost.floatBops === 0 ? 0 : cost.bops / cost.floatBops)} of float), ${short(cost.effectiveFlops[cost.convention])} effective MACs by ${cost.convention}`,
  ];
  if (record.promotion) lines.push(promotionText(record.promotion));
  if (detections)
    lines.push(
      `${detections.kept} of ${detections.float} float detections kept (${percent(detections.keptShare)}) on ${record.samples.length} ${record.sampleKind ?? "pictures"}`,
    );
  lines.push(...learningLines(record.units, record.config.budget !== undefined));
  if (gate.passed) lines.push(gate.message);
  lines.push(agreement ? agreementText(agreement, record.sampleKind ?? "pictures") : "check: not run");
  return `${lines.join("\n")}\n`;
}

const promotionText = ({ bits, share, limit, tensors }: NonNullable<QuantizeResult["record"]["promotion"]>): string =>
  `promoted to ${bits} bits: ${percent(share)} of the activation elements (at most ${percent(limit)}), ${tensors.length} tensors: ${tensors.map(({ tensor }) => shownName(tensor)).join(", ")}`;

function agreementText({ cosine, meanCosine, detections, pictures }: Agreement, kind: string): string {
  const outputs = Object.entries(meanCosine).map(
    ([name, mean]) => `${shownName(name)} ${mean.toFixed(6)} (lowest ${cosine[name].toFixed(6)})`,
  );
  const matched = detections ? `; ${detections.matched} of ${detections.ours} detections matched (${percent(detections.share)})` : "";
  return `check: onnxruntime-web on ${pictures} ${kind}, mean cosine ${outputs.join(", ")}${matched}`;
}
