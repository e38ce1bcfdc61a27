import { defineConfig } from "vitest/config";

type GroupBy = <K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K) => Map<K, T[]>;

// Vitest's reporter groups failures with Map.groupBy, which Node 20 does not have.
(Map as { groupBy?: GroupBy }).groupBy ??= <K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K) => {
  const groups = new Map<K, T[]>();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
};

/** Tests of parts that run no kernel, or that kernels run under all the same: one pass is enough. */
const KERNEL_FREE = [
  "test/architecture.test.ts",
  "test/report/**",
  "test/node/**",
  "test/cli/**",
  "test/wasm/**",
  "test/browser/**",
  "test/bench/**",
  "test/package/**",
  "test/scripts/**",
  "test/laws/bitFlips.test.ts",
  "test/laws/kit/**",
  "test/experiments/**",
  "test/quant/learner/**",
  "test/quant/reconstruct/**",
  "test/quant/sensitivity/**",
];

/** `npm run test:deep` multiplies the runs of every property. */
const deep = process.env.INLIERQ_DEEP === "1";

const shared = { setupFiles: ["test/setup.ts"], testTimeout: deep ? 600_000 : 60_000 };

export default defineConfig({
  test: {
    // One worker a core: the main process has little to do beside them.
    maxWorkers: "100%",
    reporters: ["default", "json"],
    outputFile: { json: "out/test-report.json" },
    projects: [
      { test: { ...shared, name: "auto", include: ["test/**/*.test.ts"], env: { INLIERQ_KERNELS: "auto" } } },
      {
        test: {
          ...shared,
          name: "reference",
          include: ["test/**/*.test.ts"],
          exclude: [...KERNEL_FREE, "test/**/*.real.test.ts", "test/job/**"],
          env: { INLIERQ_KERNELS: "reference" },
        },
      },
    ],
  },
});
