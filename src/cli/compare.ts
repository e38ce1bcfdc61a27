import { type CompareResult, compare, parseKeptGate, type Sample } from "../job/index.ts";
import { checkOutput, choosePictures, comparisonFiles, listPictures, readModel, readPictures, writeOutput } from "../node/index.ts";
import type { ComparisonRecord, PictureDifference } from "../quant/index.ts";
import { countText, differenceCells, signed, worstFirst } from "../report/index.ts";
import { shownName } from "../shown.ts";
import { type Command, type Invocation, KERNELS, THREADS } from "./command.ts";
import { EXIT } from "./io.ts";
import { progressView } from "./progress.ts";
import { columns, jsonText, percent } from "./text.ts";
import { asUsage, readJson, textOf, wholeOf } from "./values.ts";

const TOP = 12;

/** `inlierq compare`: two versions of one detector on pictures, which layer broke and what became of the detections. */
export const compareCommand: Command = {
  name: "compare",
  about: "run two versions of a detector side by side: the error of every layer, detections kept, lost and new",
  operands: ["MODEL", "OTHER"],
  flags: {
    images: { type: "string", value: "DIR", about: "folder of pictures (.jpg, .jpeg, .png)", required: true },
    samples: { type: "string", value: "N", about: "pictures used, chosen by the seed where there are more", fallback: "8" },
    seed: { type: "string", value: "N", about: "same seed, same pictures", fallback: "0" },
    card: { type: "string", value: "FILE", about: "detector card for models no preset matches (see inspect)" },
    gate: { type: "string", value: "RULE", about: "exit 3 below it: kept=SHARE of MODEL's detections" },
    top: { type: "string", value: "N", about: "rows printed of each table, the worst first; files hold all", fallback: String(TOP) },
    out: { type: "string", value: "DIR", about: "also write compare.json, compare.md and pictures there" },
    force: { type: "boolean", about: "replace files of an earlier run" },
    threads: THREADS,
    kernels: KERNELS,
    json: { type: "boolean", about: "print JSON; progress as JSON lines on stderr" },
  },
  examples: [
    "inlierq compare yolox-nano.onnx out/yolox-nano.w8a8.onnx --images photos",
    "inlierq compare yolox-nano.onnx out/yolox-nano.w4a8.inlierq --images photos --samples 32 --out out/compared",
    "inlierq compare detector.onnx elsewhere.int8.onnx --card card.json --images photos --gate kept=0.9",
  ],
  run: runCompare,
};

async function runCompare({ operands, values, threads, io, signal }: Invocation): Promise<number> {
  const json = values.json === true;
  const [folder, out, cardFile, gate] = ["images", "out", "card", "gate"].map((name) => textOf(values, name));
  const sampleCount = wholeOf(values, "samples", 1) ?? 8;
  const seed = wholeOf(values, "seed", Number.MIN_SAFE_INTEGER) ?? 0;
  const top = wholeOf(values, "top", 1) ?? TOP;
  if (gate !== undefined) asUsage(() => parseKeptGate(gate));
  const card = cardFile === undefined ? undefined : readJson(cardFile);
  const [model, other] = operands.map(readModel);
  const [name, otherName] = model.name === other.name ? operands : [model.name, other.name];
  const force = values.force === true;
  if (out !== undefined) checkOutput(out, ["compare.json", "compare.md"], force);
  const samples: Sample[] = [];
  const view = progressView(io, json);
  const result = await compare(model, other, {
    samples: chosen(folder as string, sampleCount, seed, threads, samples),
    sampleCount,
    seed,
    name,
    otherName,
    signal,
    onProgress: view.report,
    ...(card !== undefined && { card }),
    ...(gate !== undefined && { gate }),
  }).finally(view.end);
  const files = out === undefined ? undefined : comparisonFiles(result.record, samples);
  if (out !== undefined && files) writeOutput(out, files, force);
  io.out(json ? jsonText(result.record) : comparisonText(result, top));
  if (out !== undefined && files && !json) io.out(`\nwrote ${out}/compare.json, compare.md and ${files.size - 2} pictures\n`);
  if (result.gate?.passed === false) io.err(`${result.gate.message}\n`);
  return result.gate?.passed === false ? EXIT.belowGate : EXIT.done;
}

/** The chosen pictures, looked for when the models are known to be good; what was decoded is kept in `seen`. */
async function* chosen(folder: string, count: number, seed: number, threads: number, seen: Sample[]): AsyncGenerator<Sample> {
  for await (const sample of readPictures(choosePictures(listPictures(folder), count, seed), { threads })) {
    seen.push(sample);
    yield sample;
  }
}

function comparisonText({ record, gate }: CompareResult, top: number): string {
  const { layers, outputs, matchedBy, samples, model, other } = record;
  const parts = [
    `${shownName(other)} against ${shownName(model)}: ${countText(layers)} matched by ${matchedBy}, ${samples.length} picture${samples.length === 1 ? "" : "s"}`,
    layerTable(record, top),
    detectionTable(record, top),
  ];
  if (layers.length + outputs.length > 0) {
    parts.splice(
      2,
      0,
      "isolated: the layer fed with the tensors of the first model; accumulated: run from the picture on; inf: nothing differs",
    );
  }
  return `${[...parts, ...(gate?.passed ? [gate.message] : [])].join("\n\n")}\n`;
}

function layerTable({ layers, outputs }: ComparisonRecord, top: number): string {
  const worst = worstFirst(layers).slice(0, top);
  const row = (l: (typeof layers)[number]): string[] => [
    l.name,
    l.role === "output" ? l.role : l.kind,
    ...differenceCells(l.isolated),
    ...differenceCells(l.accumulated),
  ];
  const head = [
    ["", "", "isolated", "", "", "accumulated", "", ""],
    ["layer", "kind", "SQNR dB", "cosine", "max error", "SQNR dB", "cosine", "max error"],
  ];
  const rest = layers.length > worst.length ? [[`... ${layers.length - worst.length} more`]] : [];
  return columns([...head, ...worst.map(row), ...rest, ...outputs.map(row)]);
}

function detectionTable({ detections: d }: ComparisonRecord, top: number): string {
  const changed = (p: PictureDifference): number => p.lost.length + p.new.length;
  const pictures = [...d.pictures].sort((a, b) => changed(b) - changed(a)).slice(0, top);
  const rest = d.pictures.length > pictures.length ? [[`... ${d.pictures.length - pictures.length} more`]] : [];
  const total = `${d.kept} of ${d.model} detections kept (${percent(d.keptShare)}), ${d.lost} lost, ${d.new} new (scores of at least ${d.minScore})`;
  const matched =
    d.meanIou === null || d.meanScoreChange === null || d.largestScoreChange === null
      ? []
      : [
          `kept ones: mean IoU ${d.meanIou.toFixed(3)}, score ${signed(d.meanScoreChange)} on average, largest change ${signed(d.largestScoreChange)}`,
        ];
  const rows = pictures.map((p) => [p.name, String(p.kept.length), String(p.lost.length), String(p.new.length)]);
  return [columns([["picture", "kept", "lost", "new"], ...rows, ...rest]), [total, ...matched].join("\n")].join("\n\n");
}
