import type { SweepRecord } from "../quant/index.ts";
import { makeSweep } from "../report/index.ts";
import { shownJson } from "../shown.ts";

/** The table of a sweep by path below the output folder: sweep.json and sweep.md. */
export const sweepFiles = (record: SweepRecord): Map<string, string> =>
  new Map([
    ["sweep.json", `${shownJson(record, 2)}\n`],
    ["sweep.md", makeSweep(record)],
  ]);
