import { checkOutput, UsageError, writeOutput } from "../node/index.ts";
import { nearest } from "../suggest.ts";
import { type Command, type Invocation, THREADS } from "./command.ts";
import { controlsStudy } from "./controlsStudy.ts";
import { EXIT } from "./io.ts";
import { progressView } from "./progress.ts";
import type { Study } from "./study.ts";
import { listsInLine } from "./text.ts";
import { toyStudy } from "./toyStudy.ts";
import { seedsOf, textOf } from "./values.ts";

const STUDIES: readonly Study[] = [toyStudy, controlsStudy];

/** `inlierq reproduce`: studies of the papers, run again with a verdict on each claim. */
export const reproduceCommand: Command = {
  name: "reproduce",
  about: "run a study of a paper again, with a verdict on its claims (toy: Reg-PTQ Sec. 3; controls: InlierQ's selection)",
  operands: ["STUDY", "[MODEL]"],
  flags: {
    seeds: { type: "string", value: "A..B", about: "seeds, a range or a list like 0,3,7", fallback: "toy 0..4, controls 0..2" },
    calibrate: { type: "string", value: "DIR", about: "controls: pictures; each seed takes its own where there are more than samples" },
    samples: { type: "string", value: "N", about: "controls: pictures of a calibration", fallback: "16" },
    scheme: { type: "string", value: "WnAm", about: "controls: bits of weights and activations", fallback: "W4A4" },
    images: { type: "string", value: "DIR", about: "controls: pictures to measure on", fallback: "those calibrated on" },
    annotations: { type: "string", value: "FILE", about: "controls: COCO annotations of --images, for AP50" },
    card: { type: "string", value: "FILE", about: "controls: detector card for models no preset matches" },
    out: { type: "string", value: "DIR", about: "where the record, the page and its figures go", fallback: "out/STUDY" },
    force: { type: "boolean", about: "replace files of an earlier run" },
    threads: THREADS,
    json: { type: "boolean", about: "print the record as JSON; progress as JSON lines on stderr" },
  },
  examples: [
    "inlierq reproduce toy",
    "inlierq reproduce toy --seeds 0..9 --out out/toy10",
    "inlierq reproduce toy --seeds 3 --json --force",
    "inlierq reproduce controls yolox-nano.onnx --calibrate photos --seeds 0..2",
    "inlierq reproduce controls yolox-nano.onnx --calibrate photos --images scenes --annotations scenes.json --scheme W4A8",
  ],
  run: runReproduce,
};

async function runReproduce(invocation: Invocation): Promise<number> {
  const { operands, values, io, signal } = invocation;
  const study = studyOf(operands[0]);
  refuseForeign(study, invocation);
  const seeds = seedsOf(values, "seeds") ?? study.seeds;
  const out = textOf(values, "out") ?? study.out;
  const force = values.force === true;
  const json = values.json === true;
  checkOutput(out, study.writes, force);
  const view = progressView(io, json);
  const { record, files, summary } = await study.run(invocation, seeds, out, { signal, onProgress: view.report }).finally(view.end);
  writeOutput(out, files, force);
  io.out(json ? listsInLine(record) : summary);
  return EXIT.done;
}

function studyOf(name: string): Study {
  const found = STUDIES.find((s) => s.name === name);
  if (found) return found;
  const names = STUDIES.map((s) => s.name);
  const guess = nearest(name, names);
  throw new UsageError("reproduce", `studies are ${names.join(", ")}, got "${name}"${guess ? `; did you mean ${guess}?` : ""}`);
}

/** Errors: UsageError for a model or a flag that the study does not take. */
function refuseForeign({ name, flags }: Study, { operands, values }: Invocation): void {
  if (operands.length > 1 && flags.length === 0)
    throw new UsageError("reproduce", `${name} must stand alone, got "${operands[1]}" as well`);
  const foreign = STUDIES.flatMap((s) => s.flags).find((flag) => values[flag] !== undefined && !flags.includes(flag));
  if (foreign !== undefined) throw new UsageError("reproduce", `${name} must come without --${foreign}, got one`);
}
