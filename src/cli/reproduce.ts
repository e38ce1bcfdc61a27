import { runToy, TOY_CONFIG, type ToyRecord } from "../experiments/index.ts";
import { checkOutput, UsageError, writeOutput } from "../node/index.ts";
import { makeToyReport, TOY_FILES } from "../report/index.ts";
import { nearest } from "../suggest.ts";
import { type Command, type Invocation, THREADS } from "./command.ts";
import { EXIT } from "./io.ts";
import { progressView } from "./progress.ts";
import { columns, jsonText } from "./text.ts";
import { seedsOf, textOf } from "./values.ts";

/** A study that can be run again. */
interface Study {
  readonly name: string;
  readonly out: string;
  /** Its record and its files by path below the output folder. */
  run(seeds: readonly number[], options: Parameters<typeof runToy>[1]): Promise<{ record: ToyRecord; files: Map<string, string> }>;
  /** The files that must not exist yet. */
  readonly writes: readonly string[];
}

const STUDIES: readonly Study[] = [
  {
    name: "toy",
    out: "out/toy",
    writes: ["toy.json", ...TOY_FILES],
    async run(seeds, options) {
      const record = await runToy({ ...TOY_CONFIG, seeds }, options);
      return { record, files: new Map([["toy.json", listsInLine(record)], ...makeToyReport(record)]) };
    },
  },
];

/** `inlierq reproduce`: studies of the papers, run again with a verdict on each claim. */
export const reproduceCommand: Command = {
  name: "reproduce",
  about: "run a study of a paper again, with a verdict on each of its claims (toy: Reg-PTQ Sec. 3)",
  operands: ["STUDY"],
  flags: {
    seeds: { type: "string", value: "A..B", about: "seeds, a range or a list like 0,3,7; a pair of nets each", fallback: "0..4" },
    out: { type: "string", value: "DIR", about: "where the record, the page and its figures go", fallback: "out/STUDY" },
    force: { type: "boolean", about: "replace files of an earlier run" },
    threads: THREADS,
    json: { type: "boolean", about: "print the record as JSON; progress as JSON lines on stderr" },
  },
  examples: [
    "inlierq reproduce toy",
    "inlierq reproduce toy --seeds 0..9 --out out/toy10",
    "inlierq reproduce toy --seeds 3 --json --force",
  ],
  run: runReproduce,
};

async function runReproduce({ operands: [name], values, io, signal }: Invocation): Promise<number> {
  const study = studyOf(name);
  const seeds = seedsOf(values, "seeds") ?? TOY_CONFIG.seeds;
  const out = textOf(values, "out") ?? study.out;
  const force = values.force === true;
  const json = values.json === true;
  checkOutput(out, study.writes, force);
  const view = progressView(io, json);
  const { record, files } = await study.run(seeds, { signal, onProgress: view.report }).finally(view.end);
  writeOutput(out, files, force);
  io.out(json ? listsInLine(record) : `${verdicts(record)}\nwrote ${out}/toy.json, toy.md and ${files.size - 2} figures\n`);
  return EXIT.done;
}

function studyOf(name: string): Study {
  const found = STUDIES.find((s) => s.name === name);
  if (found) return found;
  const names = STUDIES.map((s) => s.name);
  const guess = nearest(name, names);
  throw new UsageError("reproduce", `studies are ${names.join(", ")}, got "${name}"${guess ? `; did you mean ${guess}?` : ""}`);
}

/** JSON with lists of numbers in one line each: a record holds curves. */
const listsInLine = (record: ToyRecord): string =>
  jsonText(record).replace(/\[[\s\d.,eE+-]*\]/g, (list) => list.replace(/\s+/g, " ").replace("[ ", "[").replace(" ]", "]"));

function verdicts({ claims, config }: ToyRecord): string {
  const rows = claims.map((c) => [c.id, c.of, c.verdict, `${c.satisfied}/${c.values.length}`, c.claim]);
  return `Reg-PTQ Sec. 3 on toy nets, ${config.seeds.length} seed${config.seeds.length === 1 ? "" : "s"}\n\n${columns([["", "of", "verdict", "seeds", "claim"], ...rows], "words")}\n`;
}
