import { AbortError } from "../errors.ts";
import { METHOD_NAMES, parseConfig, type SweepList } from "../job/index.ts";
import { runSweep, type SweepStart, sweepFiles, UsageError, writeOutput } from "../node/index.ts";
import { formatScheme, parseScheme, type SweepRecord } from "../quant/index.ts";
import { SWEEP_HEAD, sweepCells } from "../report/index.ts";
import type { Command, Invocation, Values } from "./command.ts";
import { EXIT } from "./io.ts";
import { progressView } from "./progress.ts";
import { configOf } from "./quantize.ts";
import { columns, jsonText } from "./text.ts";
import { asUsage, readJson, seedsOf, textOf, wholeOf, wordsOf } from "./values.ts";

/** `inlierq sweep`: which method and scheme a detector takes best, in one table. */
export const sweepCommand: Command = {
  name: "sweep",
  about: "quantize with every method, scheme and seed of a list, score each, and print one table",
  operands: ["MODEL"],
  flags: {
    methods: { type: "string", value: "NAMES", about: `with commas between: ${METHOD_NAMES.join(", ")}`, required: true },
    schemes: {
      type: "string",
      value: "LIST",
      about: "with commas between: bits of weights and activations, e.g. W4A4,W4A8",
      required: true,
    },
    calibrate: { type: "string", value: "DIR", about: "folder of pictures to calibrate on", required: true },
    images: { type: "string", value: "DIR", about: "folder of the annotated pictures to score on", required: true },
    annotations: { type: "string", value: "FILE", about: "COCO annotation file (instances)", required: true },
    seeds: {
      type: "string",
      value: "A..B",
      about: "seeds, a range or a list like 0,3,7; methods that no seed changes run once",
      fallback: "0",
    },
    samples: { type: "string", value: "N", about: "calibration pictures used, chosen by the seed where there are more", fallback: "64" },
    budget: { type: "string", value: "TIME", about: "wall time each run may learn, e.g. 60s", fallback: "the steps of the methods" },
    promote: { type: "string", value: "SHARE", about: "as for quantize, for every run" },
    config: { type: "string", value: "FILE", about: "JSON file with any option of quantize, for every run" },
    card: { type: "string", value: "FILE", about: "detector card for models no preset matches (see inspect)" },
    jobs: { type: "string", value: "N", about: "runs at once, on a thread each", fallback: "the cores, as far as memory goes" },
    out: { type: "string", value: "DIR", about: "keep finished runs there, and write sweep.json and sweep.md" },
    resume: { type: "boolean", about: "go on with the runs in --out" },
    force: { type: "boolean", about: "forget the runs in --out" },
    json: { type: "boolean", about: "print JSON; progress as JSON lines on stderr" },
  },
  examples: [
    "inlierq sweep yolox-nano.onnx --methods minmax,mse,inlierq --schemes W8A8,W4A8 --calibrate photos --images test --annotations test.json",
    "inlierq sweep yolox-nano.onnx --methods qdrop,brecq --schemes W4A4 --seeds 0..2 --calibrate photos --images test --annotations test.json --out swept",
  ],
  run: runSweepCommand,
};

async function runSweepCommand({ operands, values, io, signal }: Invocation): Promise<number> {
  const json = values.json === true;
  const { list, samples, budget } = listOf(values);
  const [out, cardFile, jobs] = [textOf(values, "out"), textOf(values, "card"), wholeOf(values, "jobs", 1, 256)];
  if (values.resume === true && out === undefined) throw new UsageError("--resume", "must come with --out DIR, got none");
  const text = (name: string): string => textOf(values, name) as string;
  const view = progressView(io, json);
  let finished = 0;
  try {
    const { record } = await runSweep({
      model: operands[0],
      ...(cardFile !== undefined && { card: readJson(cardFile) }),
      calibrate: text("calibrate"),
      images: text("images"),
      annotations: text("annotations"),
      lists: [list],
      samples,
      budget,
      jobs,
      out,
      resume: values.resume === true,
      force: values.force === true,
      signal,
      onProgress: view.report,
      onStart(start) {
        finished = start.kept;
        view.note(startText(start));
      },
      onRun(_, outcome) {
        if ("result" in outcome) finished++;
      },
    }).finally(view.end);
    if (out !== undefined) writeOutput(out, sweepFiles(record), true);
    io.out(json ? jsonText(record) : tableText(record, out));
    return failed(record) > 0 ? EXIT.failed : EXIT.done;
  } catch (error) {
    if (!(error instanceof AbortError) || out === undefined) throw error;
    io.err(`aborted; ${finished} finished runs are kept in ${out} (--resume goes on)\n`);
    return EXIT.failed;
  }
}

/** The combinations. Errors: UsageError for whatever is wrong with a flag or the configuration file. */
function listOf(values: Values): { list: SweepList; samples: number; budget: string | number | undefined } {
  const methods = wordsOf(values, "methods", METHOD_NAMES) as readonly string[];
  const schemes = (textOf(values, "schemes") as string).split(",").map((scheme) => asUsage(() => formatScheme(parseScheme(scheme.trim()))));
  const { samples = 64, budget, method: _, scheme: __, seed: ___, ...options } = configOf(values);
  asUsage(() => parseConfig(options, "sweep"));
  return { list: { methods, schemes, seeds: seedsOf(values, "seeds") ?? [0], options }, samples, budget };
}

function startText({ runs, kept, jobs, cores, free }: SweepStart): string {
  const there = kept > 0 ? `, ${kept} of them kept from before` : "";
  const memory = `${(free / 1e9).toFixed(1)} GB of free memory`;
  return `${runs} runs${there}; ${jobs} at once (${cores} core${cores === 1 ? "" : "s"}, ${memory}, 1.2 GB a run)`;
}

const failed = ({ rows }: SweepRecord): number => rows.reduce((sum, { failures }) => sum + failures.length, 0);

function tableText(record: SweepRecord, out: string | undefined): string {
  const count = failed(record);
  return [
    columns([SWEEP_HEAD, ...record.rows.map(sweepCells)]),
    ...(count > 0 ? [`${count} run${count === 1 ? "" : "s"} failed`] : []),
    ...(out === undefined ? [] : [`wrote ${out}/sweep.json and sweep.md`]),
    "",
  ].join("\n");
}
