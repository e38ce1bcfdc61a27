import type { MessagePort } from "node:worker_threads";
import { InlierqError } from "../errors.ts";
import type { RunOutcome, SweepRun } from "../job/index.ts";
import type { Progress } from "../quant/index.ts";
import { SweepContext, type SweepSetup } from "./sweepContext.ts";

/** A run as a worker is handed it. */
export interface SweepTask {
  readonly setup: SweepSetup;
  readonly run: SweepRun;
  /** Takes the progress. */
  readonly port: MessagePort;
}

/** Milliseconds between two reports. */
const REPORT_MS = 100;

/** What this worker keeps: every task of a pool has the same setup. */
const contexts = new Map<string, SweepContext>();

/** The work of a worker. A refusal is a result; errors are defects. */
export default async function work({ setup, run, port }: SweepTask): Promise<RunOutcome> {
  let told = Number.NEGATIVE_INFINITY;
  const onProgress = (progress: Progress): void => {
    const now = performance.now();
    if (now - told < REPORT_MS) return;
    told = now;
    port.postMessage(progress);
  };
  try {
    const key = JSON.stringify(setup);
    const context = contexts.get(key) ?? new SweepContext(setup);
    contexts.set(key, context);
    return { result: await context.measure(run, { onProgress }) };
  } catch (error) {
    if (!(error instanceof InlierqError)) throw error;
    return { message: error.message };
  } finally {
    port.close();
  }
}
