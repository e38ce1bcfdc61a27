import { defineConfig } from "vitest/config";

/** Every way to run kernels. What holds for all ops, and the golden vectors, hold in each. */
const MODES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  reference: { INLIERQ_KERNELS: "reference" },
  auto: { INLIERQ_KERNELS: "auto" },
  "two threads": { INLIERQ_KERNELS: "auto", INLIERQ_THREADS: "2" },
  compiled: { INLIERQ_KERNELS: "auto", INLIERQ_COMPILED: "1" },
  relaxed: { INLIERQ_KERNELS: "relaxed" },
};

const LAWS = ["laws", "golden", "tensor", "autograd", "nn", "em", "quant"].map((folder) => `test/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    reporters: ["default", "json"],
    outputFile: { json: "out/modes-report.json" },
    projects: Object.entries(MODES).map(([name, env]) => ({
      test: {
        name,
        env: { ...env },
        setupFiles: ["test/setup.ts"],
        testTimeout: 120_000,
        include: LAWS,
        exclude: ["test/**/*.real.test.ts"],
      },
    })),
  },
});
