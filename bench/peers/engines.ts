import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { VARIANTS } from "../ours/variants.ts";

/** An engine that is measured in a process of its own. */
export interface Engine {
  readonly name: string;
  readonly threads: number;
  /** Program and words. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Why it cannot be started here. */
  readonly absent?: string | undefined;
}

/** The name of our engine, followed by that of the variant. */
export const OURS = "inlierq";
export const oursNamed = (variant: string): string => (variant === "" ? OURS : `${OURS}, ${variant}`);

const typescript = (file: string, ...words: string[]): string[] => [
  ...[process.execPath, "--import", import.meta.resolve("tsx"), join(import.meta.dirname, file), ...words],
];

/** Why a Python cannot run rows of a package. */
function without(python: string, name: string): string | undefined {
  const { error, status } = spawnSync(python, ["-c", `import ${name}`], { encoding: "utf8" });
  if (error) return `${python} does not start`;
  return status === 0 ? undefined : `${python} has no ${name}`;
}

/**
 * Every engine. One more is one more entry here and a file that serves its solver; kinds of problems that a solver lacks are
 * said to be missing. `packages` is why the npm packages are absent, where they are.
 */
export function engines(python: string, packages: string | undefined): readonly Engine[] {
  const inPython = (name: string, file: string, missing: string | undefined, threads = 1): Engine => ({
    ...{ name: nameOf(name, threads), threads, absent: missing },
    command: [python, join(import.meta.dirname, file), String(threads)],
    env: { PYTHONDONTWRITEBYTECODE: "1" },
  });
  const torch = without(python, "torch");
  const onnxruntime = (threads: number): Engine => ({
    ...{ name: nameOf("onnxruntime-web", threads), threads, absent: packages },
    command: typescript("onnxruntime.ts", String(threads)),
  });
  return [
    ...VARIANTS.map(({ name, threads }) => ({ name: oursNamed(name), threads, command: typescript("ours.ts", name) })),
    { name: "tfjs-wasm", threads: 1, absent: packages, command: typescript("tfjs.ts") },
    { name: "tfjs-wasm with shim", threads: 1, absent: packages, command: typescript("tfjs.ts", "shim") },
    onnxruntime(1),
    { name: "jax-js", threads: 1, absent: packages, command: typescript("jax.ts") },
    inPython("torch", "pytorch.py", torch),
    inPython("scikit-learn", "scikit.py", without(python, "sklearn")),
    onnxruntime(2),
    inPython("torch", "pytorch.py", torch, 2),
  ];
}

const nameOf = (name: string, threads: number): string => (threads === 1 ? name : `${name}, ${threads} threads`);
