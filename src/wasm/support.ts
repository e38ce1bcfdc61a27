import { assemble, FunctionBuilder, f32x4, i32 } from "./assembler.ts";

/** A vector store: what every kernel is made of. */
function probe(): Uint8Array<ArrayBuffer> {
  const f = new FunctionBuilder("probe", []);
  f.store("v128.store", f.let(i32(0)), f32x4(0));
  return assemble([f]);
}

/** Why this runtime cannot run kernels; undefined where it can. */
export function findKernelProblem(): string | undefined {
  if (typeof WebAssembly === "undefined") return "no WebAssembly";
  const bytes = probe();
  if (!WebAssembly.validate(bytes)) return "WebAssembly without SIMD";
  try {
    new WebAssembly.Module(bytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    return `a policy that forbids WebAssembly (${error.message.split("\n")[0]})`;
  }
}

let problem: { readonly found: string | undefined } | undefined;

/** As `findKernelProblem`, which looks once per thread: ops then run their reference loops, slowly. */
export function kernelProblem(): string | undefined {
  problem ??= { found: findKernelProblem() };
  return problem.found;
}
