import fc from "fast-check";
import { type KernelPolicy, setKernelPolicy } from "../src/tensor/index.ts";

setKernelPolicy((process.env.INLIERQ_KERNELS ?? "auto") as KernelPolicy);

/** 25 runs a property by default, 1000 in `npm run test:deep`, INLIERQ_RUNS if set; fast-check prints the seed of a failure. */
const runs = process.env.INLIERQ_RUNS ?? (process.env.INLIERQ_DEEP === "1" ? "1000" : "25");
fc.configureGlobal({ numRuns: Number(runs), verbose: 0 });
