import { log } from "../../elementary.ts";
import { kernelPolicy } from "../../tensor/index.ts";
import { ArenaFull, instantiate, placeTasks, stagingArena, type Task } from "../../wasm/index.ts";
import { accumulate, type Components, logPeak, type Pass, SLOT } from "../statistics.ts";
import { compensatedSum } from "../sum.ts";
import { BLOCK_SCORES, RECORD, STEP_SCORES, statisticsFunction, TABLE } from "./statistics.ts";

/** Blocks of a task: about 15 microseconds of work. */
const TASK_BLOCKS = 4;
/** Multiply-adds a score is worth, for the cost of the tasks. */
const SCORE_COST = 50;
/** Doubles of a record. */
const RECORD_SIZE = 2 * RECORD.size;

/**
 * Passes over scores that stay: the fast kernel, or plain loops under the policy "reference" and where the scores do not
 * fit. All passes must be made before anything else runs on this thread's kernels.
 */
export function passOver(scores: Float64Array): Pass {
  const plain: Pass = (at, stats) => accumulate(scores, at, stats);
  if (kernelPolicy() === "reference") return plain;
  try {
    return placePass(scores);
  } catch (error) {
    if (error instanceof ArenaFull) return plain;
    throw error;
  }
}

function placePass(scores: Float64Array): Pass {
  const arena = stagingArena();
  arena.reset();
  const whole = scores.length - (scores.length % STEP_SCORES);
  const blocks = Math.ceil(whole / BLOCK_SCORES);
  const [data, table, records] = [8 * whole, 8 * TABLE.size, 8 * RECORD_SIZE * blocks].map((bytes) => arena.allocate(bytes));
  const doubles = (address: number, length: number) => new Float64Array(arena.memory.buffer, address, length);
  doubles(data, whole).set(scores.subarray(0, whole));
  const [constants, sums] = [doubles(table, TABLE.size), doubles(records, RECORD_SIZE * blocks)];
  const { statistics } = instantiate("em/statistics", () => [statisticsFunction()], arena);
  const tasks: Task[] = [];
  for (let block = 0; block < blocks; block += TASK_BLOCKS) {
    const last = Math.min(whole, (block + TASK_BLOCKS) * BLOCK_SCORES);
    const args = [data + 8 * block * BLOCK_SCORES, data + 8 * last, table, records + 8 * RECORD_SIZE * block];
    tasks.push([{ entry: statistics, args }]);
  }
  const run = placeTasks(arena, tasks, SCORE_COST * whole);
  const rest = scores.subarray(whole);
  return (at, stats) => {
    writeTable(at, constants);
    run();
    accumulate(rest, at, stats);
    addRecords(sums, stats);
  };
}

/** The constants of the components, logarithms in base 2. */
function writeTable(at: Components, table: Float64Array): void {
  for (const k of [0, 1] as const) {
    table[TABLE.mean + k] = at.means[k];
    table[TABLE.curve + k] = (-0.5 * Math.LOG2E) / at.variances[k];
    table[TABLE.peak + k] = Math.LOG2E * logPeak(at, k);
  }
}

/** Adds the records of all blocks to the statistics, in order. */
function addRecords(records: Float64Array, stats: Float64Array): void {
  const blocks = records.length / RECORD_SIZE;
  const both = (block: number, slot: number): number => {
    const at = block * RECORD_SIZE + 2 * slot;
    return records[at] + records[at + 1];
  };
  const share = (block: number): number => {
    const at = block * RECORD_SIZE + 2 * RECORD.share;
    return log(records[at]) + log(records[at + 1]);
  };
  stats[SLOT.logLikelihood] += compensatedSum(blocks, (block) => Math.LN2 * both(block, RECORD.best) - share(block));
  for (let i = 0; i < RECORD.size - RECORD.count; i++) {
    stats[SLOT.count + i] += compensatedSum(blocks, (block) => both(block, RECORD.count + i));
  }
}
