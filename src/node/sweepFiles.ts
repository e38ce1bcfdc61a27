import type { SweepRecord } from "../quant/index.ts";
import { makeSweep } from "../report/index.ts";
import { shownJson } from "../shown.ts";

/** Where tables of sweeps are. */
export const SWEEP_NAMES = ["sweep.json", "sweep.md"] as const;

/** The table of a sweep by path below the output folder: sweep.json and sweep.md. */
export const sweepFiles = (record: SweepRecord): Map<string, string> =>
  new Map([
    [SWEEP_NAMES[0], `${shownJson(record, 2)}\n`],
    [SWEEP_NAMES[1], makeSweep(record)],
  ]);
