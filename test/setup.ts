import fc from "fast-check";
import { type KernelPolicy, setKernelPolicy } from "../src/tensor/index.ts";

setKernelPolicy((process.env.INLIERQ_KERNELS ?? "auto") as KernelPolicy);

/** 25 runs a property by default, 1000 in `npm run test:deep`; fast-check prints the seed of a failure. */
fc.configureGlobal({ numRuns: process.env.INLIERQ_DEEP === "1" ? 1000 : 25, verbose: 0 });
