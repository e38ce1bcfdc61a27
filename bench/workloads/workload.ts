import type { PeakName } from "../peak.ts";

/** One row of `npm run bench`. */
export interface Workload {
  readonly name: string;
  /** Floating-point operations of a call; 0 where time per element says more. */
  readonly flops: number;
  /** The limit its rate is held against. */
  readonly peak?: PeakName | undefined;
  /** Makes inputs; a string says why the workload cannot run here. */
  prepare(): Promise<Prepared | string> | Prepared | string;
}

export interface Prepared {
  /** Elements that pass in a call. */
  readonly elements: number;
  run(): unknown;
  /** Throws unless the output is right; milliseconds that the reference loops took, where they ran. Runs before any timing. */
  verify(): Promise<number | undefined> | number | undefined;
}
