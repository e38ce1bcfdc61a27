import fc from "fast-check";
import { startThreads } from "../src/node/index.ts";
import { type KernelPolicy, setKernelPolicy } from "../src/tensor/index.ts";

setKernelPolicy((process.env.INLIERQ_KERNELS ?? "auto") as KernelPolicy);
// However small the work: the tests' tensors are.
startThreads(Number(process.env.INLIERQ_THREADS ?? 1), { least: 0 });

/**
 * `npm test` draws the same 25 calls a property every time; `npm run test:deep` draws 1000 fresh ones.
 * INLIERQ_RUNS and INLIERQ_SEED set either; fast-check prints the seed of a failure.
 */
const deep = process.env.INLIERQ_DEEP === "1";
const runs = process.env.INLIERQ_RUNS ?? (deep ? "1000" : "25");
const seed = process.env.INLIERQ_SEED ?? (deep ? undefined : "20260");
fc.configureGlobal({ numRuns: Number(runs), verbose: 0, ...(seed === undefined ? {} : { seed: Number(seed) }) });
