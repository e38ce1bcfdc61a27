import { runToy, TOY_CONFIG, type ToyRecord } from "../experiments/index.ts";
import { makeToyReport, TOY_FILES } from "../report/index.ts";
import type { Study } from "./study.ts";
import { columns, listsInLine } from "./text.ts";

/** The toy study of Reg-PTQ Sec. 3. */
export const toyStudy: Study = {
  name: "toy",
  out: "out/toy",
  writes: ["toy.json", ...TOY_FILES],
  seeds: TOY_CONFIG.seeds,
  flags: [],
  async run(_, seeds, out, options) {
    const record = await runToy({ ...TOY_CONFIG, seeds }, options);
    const files = new Map([["toy.json", listsInLine(record)], ...makeToyReport(record)]);
    return { record, files, summary: `${verdicts(record)}\nwrote ${out}/toy.json, toy.md and ${files.size - 2} figures\n` };
  },
};

function verdicts({ claims, config }: ToyRecord): string {
  const rows = claims.map((c) => [c.id, c.of, c.verdict, `${c.satisfied}/${c.values.length}`, c.claim]);
  return `Reg-PTQ Sec. 3 on toy nets, ${config.seeds.length} seed${config.seeds.length === 1 ? "" : "s"}\n\n${columns([["", "of", "verdict", "seeds", "claim"], ...rows], "words")}\n`;
}
