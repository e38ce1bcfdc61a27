import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { findKernelProblem } from "../../src/wasm/index.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("what keeps kernels from running", () => {
  test("nothing, here", () => expect(findKernelProblem()).toBeUndefined());

  test("no WebAssembly", () => {
    vi.stubGlobal("WebAssembly", undefined);
    expect(findKernelProblem()).toBe("no WebAssembly");
  });

  test("no vectors", () => {
    vi.stubGlobal("WebAssembly", { ...WebAssembly, validate: () => false });
    expect(findKernelProblem()).toBe("WebAssembly without SIMD");
  });

  test("a policy that forbids it", () => {
    const { CompileError, validate } = WebAssembly;
    class Module {
      constructor() {
        throw new CompileError("Wasm code generation disallowed by embedder");
      }
    }
    vi.stubGlobal("WebAssembly", { CompileError, validate, Module });
    expect(findKernelProblem()).toBe("a policy that forbids WebAssembly (Wasm code generation disallowed by embedder)");
  });
});

/** Standard output of a script that may import `src`, in a Node with other flags. */
function runWith(flags: readonly string[], script: string): string {
  const source = pathToFileURL(join(import.meta.dirname, "../../src")).href;
  const text = script.replaceAll('"src/', `"${source}/`);
  return execFileSync(process.execPath, [...flags, "--import", "tsx", "--input-type=module", "--eval", text], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

const NETWORK = `
  import { compile } from "src/autograd/index.ts";
  import { conv2d, Rng, relu, uniform } from "src/tensor/index.ts";
  import { kernelProblem } from "src/wasm/index.ts";
  const [x, w] = [uniform([1, 2, 6, 6], new Rng("x")), uniform([3, 2, 3, 3], new Rng("w"))];
  const y = compile((x) => relu(conv2d(x, w)))(x);
  console.log(JSON.stringify({ problem: kernelProblem() ?? null, sum: y.data.reduce((a, v) => a + v, 0) }));
`;

test.each([
  [["--jitless"], "no WebAssembly"],
  [["--no-enable-sse4-1", "--no-enable-ssse3"], "WebAssembly without SIMD"],
] as const)("ops still compute in a runtime started with %j", (flags, problem) => {
  const plain = JSON.parse(runWith([], NETWORK)) as { problem: null; sum: number };
  const bare = JSON.parse(runWith(flags, NETWORK)) as { problem: string | null; sum: number };
  expect(plain.problem).toBeNull();
  // Other processors and newer engines may offer what the flags of this one take away.
  if (bare.problem !== null) expect(bare.problem).toBe(problem);
  expect(bare.sum).toBeCloseTo(plain.sum, 3);
});
