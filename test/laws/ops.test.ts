import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/autograd/index.ts";
import { InlierqError } from "../../src/errors.ts";
import { type AnyOp, bind, type Call, type Draw, kernelPolicy, type Meta, Tensor, withKernels } from "../../src/tensor/index.ts";
import { kernels } from "../../src/tensor/kernels/index.ts";
import { runOnce } from "../../src/tensor/kernels/placement.ts";
import * as ops from "../../src/tensor/ops/index.ts";
import { borrowArena, returnArena } from "../../src/wasm/index.ts";
import { runs } from "../runs.ts";
import { expectWithin } from "./bound.ts";
import { directional, dot, floatLike, gradientsOf, isFloat, lincomb, randomLike, secondOrder, vjpOf } from "./derivative.ts";
import { drawWith } from "./draw.ts";

const OPS_FOLDER = join(import.meta.dirname, "../../src/tensor/ops");

const defs: readonly AnyOp[] = Object.values(ops).flatMap((v) => ("def" in v ? [v.def as AnyOp] : []));
const differentiable = defs.filter((d) => d.vjp !== "none");

/** Every run records, plans and places a program. */
const COMPILED_RUNS = 10;
/** MiB of the memory that programs of small calls take over. */
const USED = 10;

/** Leaves a memory full of NaN for the next program to take. */
function leaveUsed(): void {
  const arena = borrowArena(USED, [USED]);
  arena.i32.fill(-1);
  returnArena(arena);
}

/** A property over random calls of one op. */
function law(def: AnyOp, dtype: "f32" | "f64", check: (call: Call<unknown>, draw: Draw) => void): void {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const draw = drawWith(g, dtype);
      check(def.sample(draw), draw);
    }),
  );
}

const bits = (t: Tensor): string => Buffer.from(t.data.buffer, t.data.byteOffset, t.data.byteLength).toString("base64");
const metaOf = ({ shape, dtype }: Meta): Meta => ({ shape: [...shape], dtype });

test("every op file is exported and every op carries the name of its function", () => {
  const index = readFileSync(join(OPS_FOLDER, "index.ts"), "utf8");
  for (const file of readdirSync(OPS_FOLDER)) if (file !== "index.ts") expect(index).toContain(`"./${file}"`);
  for (const [name, value] of Object.entries(ops)) if ("def" in value) expect((value.def as AnyOp).name).toBe(name);
  expect(defs.length).toBeGreaterThan(60);
});

test("every fast kernel accelerates an op that exists", () => {
  const names = new Set(defs.map((d) => d.name));
  for (const name of Object.keys(kernels)) expect(names).toContain(name);
});

/** Ops whose kernels take little of what is sampled; test/tensor/kernels/move.test.ts draws calls that they must take. */
const SELDOM_FAST: readonly string[] = ["indexSelect", "interpolate", "interpolateInputGrad", "pad", "padInputGrad"];

/** The call with axis `axis` of every input cut to `size`, or undefined where no such call exists. */
function resized(def: AnyOp, { inputs, attrs }: Call<unknown>, axis: number, size: number): Call<unknown> | undefined {
  const cut = inputs.map((x) => {
    if (axis >= x.shape.length || x.shape[axis] < size) return x;
    const shape = x.shape.map((d, i) => (i === axis ? size : d));
    const count = shape.reduce((n, d) => n * d, 1);
    return new Tensor(shape, x.dtype, x.data.slice(0, count));
  });
  try {
    def.infer(cut, attrs);
    return { inputs: cut, attrs };
  } catch (error) {
    if (error instanceof InlierqError) return undefined;
    throw error;
  }
}

function expectPromised(def: AnyOp, { inputs, attrs }: Call<unknown>): void {
  const promised = def.infer(inputs, attrs);
  expect(bind(def, inputs, attrs).map(metaOf)).toEqual(promised.map(metaOf));
}

describe.each(defs.map((d) => [d.name, d] as const))("%s", (name, def) => {
  test("shape: outputs are what infer promised, also for axes of size 0 and 1", () => {
    law(def, "f32", (call, draw) => {
      expectPromised(def, call);
      const smaller = resized(def, call, draw.int(0, 2), draw.int(0, 1));
      if (smaller && !mayIndex(smaller)) expectPromised(def, smaller);
    });
  });

  test("purity: inputs stay as they were and the same call gives the same bits", () => {
    law(def, "f32", ({ inputs, attrs }) => {
      const before = inputs.map(bits);
      const first = bind(def, inputs, attrs).map(bits);
      expect(bind(def, inputs, attrs).map(bits)).toEqual(first);
      expect(inputs.map(bits)).toEqual(before);
    });
  });

  test.runIf(def.misuse)("errors: misuse throws a typed error that names the op", () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const { inputs, attrs } = (def.misuse as NonNullable<AnyOp["misuse"]>)(drawWith(g, "f32")) as Call<unknown>;
        let thrown: unknown;
        try {
          bind(def, inputs, attrs);
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBeInstanceOf(InlierqError);
        expect((thrown as Error).message.startsWith(`${name}: `)).toBe(true);
      }),
    );
  });

  test("compiled: a replay has the bits of the eager call, and so has its derivative", () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const draw = drawWith(g, "f32");
        const call = def.sample(draw);
        const outputs = bind(def, call.inputs, call.attrs);
        leaveUsed();
        const forward = compile((...xs) => bind(def, xs, call.attrs));
        // Twice, the second time over what the first left behind.
        for (let i = 0; i < 2; i++) expect(forward(...call.inputs).map(bits)).toEqual(outputs.map(bits));
        if (def.vjp === "none") return;
        const u = outputs.map((y) => randomLike(draw, y));
        const given = u.filter((x) => x !== undefined);
        forward.release();
        leaveUsed();
        const backward = compile((...xs) => {
          const inputs = xs.slice(0, call.inputs.length);
          const cotangents = [...xs.slice(call.inputs.length)];
          const ys = bind(def, inputs, call.attrs);
          const found = gradientsOf(
            def,
            { inputs, attrs: call.attrs },
            ys,
            u.map((x) => x && (cotangents.shift() as Tensor)),
          );
          return found.filter((x) => x !== undefined);
        });
        const eager = gradientsOf(def, call, outputs, u).filter((x) => x !== undefined);
        expect(backward(...call.inputs, ...given).map(bits)).toEqual(eager.map(bits));
        backward.release();
      }),
      { numRuns: runs(COMPILED_RUNS) },
    );
  });

  test.runIf(Object.hasOwn(kernels, name) && kernelPolicy() !== "reference")("parity: the fast kernel keeps its bound", () => {
    const kernel = kernels[name];
    let supported = 0;
    law(def, "f32", ({ inputs, attrs }) => {
      const metas = def.infer(inputs, attrs);
      const fast = runOnce(kernel, inputs, attrs, metas);
      if (!fast) return;
      supported++;
      expect(fast.map(metaOf)).toEqual(metas.map(metaOf));
      const bound = kernel.bound(inputs, attrs);
      const run = (xs: readonly Tensor[]) => withKernels("reference", () => bind(def, xs, attrs));
      const magnitudes = () => run(inputs.map((x) => (isFloat(x) ? new Tensor(x.shape, x.dtype, x.data.map(Math.abs)) : x)));
      expectWithin(fast, run(inputs), bound, magnitudes);
    });
    if (!SELDOM_FAST.includes(name)) expect(supported).toBeGreaterThan(0);
  });
});

/** Whether a shrunken call may name entries that are gone: its integer inputs are indices. */
const mayIndex = ({ inputs }: Call<unknown>): boolean => inputs.some((x) => x.dtype === "i32");

describe.each(differentiable.map((d) => [d.name, d] as const))("%s derivative", (_, def) => {
  test("equals the central difference", () => {
    law(def, "f64", (call, draw) => {
      const f = def.surrogate ? def.surrogate(call) : (xs: readonly Tensor[]) => bind(def, xs, call.attrs);
      const outputs = bind(def, call.inputs, call.attrs);
      const u = outputs.map((y) => randomLike(draw, y));
      const v = call.inputs.map((x) => (isFloat(x) ? randomLike(draw, x) : undefined));
      const analytic = dot(gradientsOf(def, call, outputs, u), v);
      const numeric = directional(f, call.inputs, v, u);
      expect(Math.abs(analytic - numeric.value)).toBeLessThanOrEqual(1e-6 * (1 + numeric.scale));
    });
  });

  test("is linear in the cotangent", () => {
    law(def, "f64", (call, draw) => {
      const outputs = bind(def, call.inputs, call.attrs);
      const [u1, u2] = [outputs.map((y) => randomLike(draw, y)), outputs.map((y) => randomLike(draw, y))];
      const [a, b] = [draw.int(-3, 3), draw.int(-3, 3)];
      const both = gradientsOf(
        def,
        call,
        outputs,
        u1.map((u, i) => u && lincomb(a, u, b, u2[i])),
      );
      const [g1, g2] = [gradientsOf(def, call, outputs, u1), gradientsOf(def, call, outputs, u2)];
      both.forEach((g, k) => {
        if (!g) return;
        const apart = lincomb(a, floatLike(g1[k], g), b, floatLike(g2[k], g));
        g.data.forEach((value, i) => {
          expect(Math.abs(value - apart.data[i])).toBeLessThanOrEqual(1e-10 * (1 + Math.abs(value)));
        });
      });
    });
  });

  test("skips what is not wanted and leaves the rest unchanged", () => {
    law(def, "f64", (call, draw) => {
      const outputs = bind(def, call.inputs, call.attrs);
      const u = outputs.map((y) => randomLike(draw, y));
      const all = gradientsOf(def, call, outputs, u);
      const wants = call.inputs.map((x) => isFloat(x) && draw.bool());
      const some = vjpOf(def)(u, { ...call, outputs, wants });
      call.inputs.forEach((_, k) => {
        if (wants[k]) expect(some[k] && bits(some[k])).toEqual(all[k] && bits(all[k]));
        else if (wants.length > 1) expect(some[k]).toBeUndefined();
      });
    });
  });

  test.runIf(def.smooth !== false)("is differentiable again", () => {
    law(def, "f64", (call, draw) => {
      const { analytic, numeric } = secondOrder(def, call, draw);
      expect(Math.abs(analytic - numeric.value)).toBeLessThanOrEqual(1e-5 * (1 + numeric.scale));
    });
  });
});
