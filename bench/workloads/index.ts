import { operatorRows } from "./operators.ts";
import { solvedRows } from "./solved.ts";
import type { Workload } from "./workload.ts";

/** Every row of `npm run bench`, in the order of the table. */
export const workloads = (): readonly Workload[] => [...solvedRows(), ...operatorRows()];
