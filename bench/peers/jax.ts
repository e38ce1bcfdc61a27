/** jax-js on its WebAssembly backend, one thread: it has no other in Node. */
import type { Tensor } from "../../src/tensor/index.ts";
import type { ConvSizes, Inputs, SpecOf } from "../problems.ts";
import type { Solution } from "../solver.ts";
import { loadPackage, PACKAGES } from "./packages.ts";
import { serve } from "./serve.ts";

/** An array of theirs: each use consumes it, `ref` buys another. */
interface Theirs {
  readonly ref: Theirs;
  readonly shape: readonly number[];
  add(other: Theirs | number): Theirs;
  sub(other: Theirs | number): Theirs;
  mul(other: Theirs | number): Theirs;
  div(other: Theirs | number): Theirs;
  neg(): Theirs;
  reshape(shape: readonly number[]): Theirs;
  data(): Promise<Float32Array>;
  blockUntilReady(): Promise<Theirs>;
  dispose(): void;
}
type Op = (...operands: readonly unknown[]) => Theirs;
type Function = (...xs: Theirs[]) => Theirs[];
interface Jax {
  readonly numpy: Readonly<
    Record<
      | "absolute"
      | "array"
      | "clip"
      | "equal"
      | "exp"
      | "log1p"
      | "matmul"
      | "maximum"
      | "mean"
      | "round"
      | "sqrt"
      | "sum"
      | "where"
      | "zeros",
      Op
    >
  >;
  readonly lax: { readonly convGeneralDilated: Op };
  jit<F>(f: F): F;
  valueAndGrad<F>(f: F, options?: object): (...xs: unknown[]) => [unknown, Theirs[]];
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): void;
}

const { numpy: np, lax, jit, valueAndGrad, init, defaultDevice } = await loadPackage<Jax>("@jax-js/jax");
await init("wasm");
defaultDevice("wasm");

const array = ({ data, shape }: Tensor): Theirs => np.array(data).reshape(shape);
const conv = (x: Theirs, w: Theirs, stride: number, p: number, groups = 1): Theirs =>
  lax.convGeneralDilated(
    x,
    w,
    [stride, stride],
    [
      [p, p],
      [p, p],
    ],
    groups > 1 ? { featureGroupCount: groups } : undefined,
  );
const bias = (b: Tensor): Theirs => np.array(b.data).reshape([1, b.size, 1, 1]);

async function settle(results: readonly Theirs[]): Promise<void> {
  for (const y of results) await y.blockUntilReady();
  for (const y of results) y.dispose();
}

/**
 * A solution by whichever is faster here, compiled or eager: `jit` fuses the padding of a convolution into its inner loop and
 * is then ten times slower.
 */
async function solution(f: Function, xs: readonly Theirs[]): Promise<Solution> {
  const call = (g: Function): Theirs[] => g(...xs.map((x) => x.ref));
  let best: { f: Function; ms: number } | undefined;
  for (const g of [f, jit(f)]) {
    await settle(call(g));
    const start = performance.now();
    await settle(call(g));
    const ms = performance.now() - start;
    if (!best || ms < best.ms) best = { f: g, ms };
  }
  const { f: chosen } = best!;
  return {
    run: () => settle(call(chosen)),
    outputs: () => Promise.all(call(chosen).map((y) => y.data())),
    release: () => {
      for (const x of xs) x.dispose();
    },
  };
}

function convGrad({ kernel }: ConvSizes, { x, w, b, g }: Inputs): Promise<Solution> {
  const f: Function = (x, w, b, g) => {
    // The output is a result too, so that the forward pass is computed.
    const weighted = (x: Theirs, w: Theirs, b: Theirs): [Theirs, Theirs] => {
      const y = conv(x, w, 1, kernel >> 1).add(b);
      return [np.sum(y.ref.mul(g!)), y];
    };
    const [value, grads] = valueAndGrad(weighted, { argnums: [0, 1, 2], hasAux: true })(x, w, b);
    const [sum, y] = value as [Theirs, Theirs];
    sum.dispose();
    return [...grads, y];
  };
  return withoutLast(solution(f, [array(x!), array(w!), bias(b!), array(g!)]));
}

/** Leaves the last output out of the comparison. */
const withoutLast = async (made: Promise<Solution>): Promise<Solution> => {
  const solved = await made;
  return { ...solved, outputs: async () => (await solved.outputs()).slice(0, -1) };
};

function lsq({ scale, qmin, qmax }: SpecOf<"lsq">, { x, g }: Inputs): Promise<Solution> {
  const f: Function = (x, g) => {
    const v = x!.div(scale);
    const rounded = np.round(v.ref);
    const code = np.clip(rounded.ref, qmin, qmax);
    const inside = np.equal(code.ref, rounded.ref);
    const slope = np.where(inside.ref, rounded.sub(v), code.ref);
    return [code.mul(scale), np.where(inside, g!.ref, 0), np.sum(g!.mul(slope))];
  };
  return solution(f, [array(x!), array(g!)]);
}

function stack({ layers }: SpecOf<"stack">, inputs: Inputs): Promise<Solution> {
  const parts = Array.from({ length: layers }, (_, i) => [array(inputs[`w${i}`]!), bias(inputs[`b${i}`]!)]);
  const f: Function = (x, ...rest) => {
    let h = x!;
    for (let i = 0; i < layers; i++) h = np.maximum(conv(h, rest[2 * i]!, 1, 1).add(rest[2 * i + 1]!), 0);
    return [h];
  };
  return solution(f, [array(inputs.x!), ...parts.flat()]);
}

/** State of Adam beside the parameters. */
interface Training {
  params: Theirs[];
  first: Theirs[];
  second: Theirs[];
}
type Step = (at: Training, x: Theirs, y: Theirs, correction: readonly [Theirs, Theirs]) => [Theirs, Training];

function stepOf({ layers }: SpecOf<"train">): Step {
  const loss = (params: readonly Theirs[], x: Theirs, y: Theirs): Theirs => {
    const z = layers.reduce((h, { kernel, stride }, i) => {
      const next = conv(h, params[2 * i]!, stride, kernel >> 1).add(params[2 * i + 1]!);
      return i === layers.length - 1 ? next : np.maximum(next, 0);
    }, x);
    return np.mean(
      np
        .maximum(z.ref, 0)
        .sub(z.ref.mul(y))
        .add(np.log1p(np.exp(np.absolute(z).neg()))),
    );
  };
  return ({ params, first, second }, x, y, [c1, c2]) => {
    const [value, grads] = valueAndGrad(loss)(
      params.map((p) => p.ref),
      x,
      y,
    );
    const m = first.map((v, i) => v.mul(0.9).add(grads[i]!.ref.mul(0.1)));
    const s = second.map((v, i) => v.mul(0.999).add(grads[i]!.ref.mul(grads[i]!).mul(0.001)));
    const moved = params.map((p, i) => p.sub(m[i]!.ref.mul(c1.ref).div(np.sqrt(s[i]!.ref.mul(c2.ref)).add(1e-8))));
    c1.dispose();
    c2.dispose();
    return [value as Theirs, { params: moved, first: m, second: s }];
  };
}

function trainingOf(spec: SpecOf<"train">, inputs: Inputs, step: Step): () => Promise<number> {
  const params = spec.layers.flatMap(({ outputs }, i) => [array(inputs[`w${i}`]!), np.zeros([1, outputs, 1, 1])]);
  const zeros = (): Theirs[] => params.map((p) => np.zeros(p.shape));
  let at: Training = { params, first: zeros(), second: zeros() };
  const [x, y] = [array(inputs.x!), array(inputs.y!)];
  let t = 0;
  return async () => {
    t++;
    const [loss, next] = step(at, x.ref, y.ref, [np.array(spec.lr / (1 - 0.9 ** t)), np.array(1 / (1 - 0.999 ** t))]);
    at = next;
    const value = (await loss.data())[0]!;
    for (const p of at.params) await p.blockUntilReady();
    return value;
  };
}

/** Eager and compiled steps; the faster one is timed. */
async function train(spec: SpecOf<"train">, inputs: Inputs): Promise<Solution> {
  let best: { step: Step; ms: number } | undefined;
  for (const step of [stepOf(spec), jit(stepOf(spec))]) {
    const run = trainingOf(spec, inputs, step);
    await run();
    const start = performance.now();
    await run();
    const ms = performance.now() - start;
    if (!best || ms < best.ms) best = { step, ms };
  }
  const { step } = best!;
  return {
    run: trainingOf(spec, inputs, step),
    async outputs() {
      const fresh = trainingOf(spec, inputs, step);
      const losses: number[] = [];
      for (let i = 0; i < spec.steps; i++) losses.push(await fresh());
      return [losses];
    },
  };
}

await serve(PACKAGES["@jax-js/jax"], {
  convGrad,
  train,
  lsq,
  stack,
  matmul: (_, { a, b }) => solution((a, b) => [np.matmul(a, b)], [array(a!), array(b!)]),
  conv: ({ kernel, groups }, { x, w, b }) =>
    solution((x, w, b) => [conv(x!, w!, 1, kernel >> 1, groups).add(b!)], [array(x!), array(w!), bias(b!)]),
  fakeQuant: ({ scale, qmin, qmax }, { x }) => solution((x) => [np.clip(np.round(x!.div(scale)), qmin, qmax).mul(scale)], [array(x!)]),
});
