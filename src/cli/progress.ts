import type { Progress } from "../quant/index.ts";
import { shownJson } from "../shown.ts";
import type { Io } from "./io.ts";

/** Shows how far a job is. `report` is its progress callback; `end` clears the line. */
export interface ProgressView {
  report(progress: Progress): void;
  /** A line of text that stays. */
  note(text: string): void;
  end(): void;
}

const BAR = 24;
const REDRAW_MS = 100;

/**
 * A bar with the time left on a terminal, JSON lines when asked for, silence otherwise; always on stderr.
 * `now` is in milliseconds.
 */
export function progressView(io: Io, json: boolean, now: () => number = () => performance.now()): ProgressView {
  if (json) return jsonView(io);
  if (!io.interactive) return { report: () => {}, note: (text) => io.err(`${text}\n`), end: () => {} };
  const start = now();
  let drawn = Number.NEGATIVE_INFINITY;
  let dirty = false;
  const clear = (): void => {
    if (dirty) io.err("\r\u001b[K");
    dirty = false;
  };
  return {
    report(progress) {
      const at = now();
      if (at - drawn < REDRAW_MS && progress.fraction < 1) return;
      drawn = at;
      dirty = true;
      io.err(`\r\u001b[K${barLine(progress, at - start)}`);
    },
    note(text) {
      clear();
      io.err(`${text}\n`);
    },
    end: clear,
  };
}

function jsonView(io: Io): ProgressView {
  return {
    report: (progress) => io.err(`${shownJson({ event: "progress", ...progress })}\n`),
    note: (text) => io.err(`${shownJson({ event: "note", text })}\n`),
    end: () => {},
  };
}

/** "[#####-----]  52 %  refine 40/90  0:31 left". */
export function barLine({ stage, done, total, fraction }: Progress, elapsedMs: number): string {
  const filled = Math.floor(BAR * Math.min(1, Math.max(0, fraction)));
  const left = fraction > 0.02 ? `  ${clock((elapsedMs * (1 - fraction)) / fraction)} left` : "";
  return `[${"#".repeat(filled)}${"-".repeat(BAR - filled)}] ${String(Math.floor(100 * fraction)).padStart(3)} %  ${stage} ${done}/${total}${left}`;
}

/** Minutes and seconds of a number of milliseconds. */
export function clock(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
