/** TensorFlow.js on its WebAssembly backend; the word "shim" adds what that backend lacks for training. */
import type { Tensor } from "../../src/tensor/index.ts";
import type { ConvSizes, Inputs, SpecOf } from "../problems.ts";
import type { Solution, Solver } from "../solver.ts";
import { permuted } from "./layout.ts";
import { loadPackage, PACKAGES } from "./packages.ts";
import { serve } from "./serve.ts";

/** A tensor of theirs. */
export interface Theirs {
  readonly shape: readonly number[];
  readonly name?: string;
  dataSync(): Float32Array;
  dispose(): void;
  assign(value: Theirs): void;
}
type Op = (...operands: readonly unknown[]) => Theirs;
type OpName =
  | ("abs" | "add" | "cast" | "clipByValue" | "conv2d" | "depthwiseConv2d" | "div" | "exp" | "greater" | "less" | "log1p" | "logicalNot")
  | ("logicalOr" | "matMul" | "mean" | "mul" | "neg" | "pad" | "relu" | "reshape" | "round" | "slice" | "sqrt" | "square" | "stack")
  | ("stridedSlice" | "sub" | "sum" | "tensor" | "variable" | "where" | "zeros" | "zerosLike");
/** What we call of the library. */
export type Tfjs = Readonly<Record<OpName, Op>> & {
  readonly fused: Readonly<Record<"conv2d" | "depthwiseConv2d", Op>>;
  readonly Tensor: new (...parts: never[]) => Theirs;
  setBackend(name: string): Promise<boolean>;
  tidy<R>(f: () => R): R;
  dispose(tensors: readonly Theirs[]): void;
  grads(f: (...xs: Theirs[]) => Theirs): (xs: readonly Theirs[], g: Theirs) => Theirs[];
  variableGrads(f: () => Theirs, wrt: readonly Theirs[]): { value: Theirs; grads: Readonly<Record<string, Theirs>> };
  registerKernel(kernel: object): void;
  engine(): { makeTensorFromTensorInfo(info: unknown): Theirs };
};

const tf = await loadPackage<Tfjs>("@tensorflow/tfjs");
await loadPackage("@tensorflow/tfjs-backend-wasm");
await tf.setBackend("wasm");
const shim = process.argv[2] === "shim";
if (shim) (await import("./tfjsShim.ts")).addFilterGradient(tf);

const TO_NHWC = [0, 2, 3, 1];
const TO_HWIO = [2, 3, 1, 0];
/** Their layout, made before anything is timed: NCHW → NHWC. */
const map = ({ data, shape }: Tensor): Theirs =>
  tf.tensor(
    permuted(data, shape, TO_NHWC),
    TO_NHWC.map((d) => shape[d]!),
  );
/** OIHW → HWIO; a depthwise weight [C,1,h,w] becomes [h,w,C,1]. */
const filter = ({ data, shape }: Tensor, depthwise = false): Theirs => {
  const order = depthwise ? [2, 3, 0, 1] : TO_HWIO;
  return tf.tensor(
    permuted(data, shape, order),
    order.map((d) => shape[d]!),
  );
};
const plain = ({ data, shape }: Tensor): Theirs => tf.tensor(data, shape);
const nchw = (y: Theirs): Float32Array => permuted(y.dataSync(), y.shape, [0, 3, 1, 2]);
const oihw = (w: Theirs): Float32Array => permuted(w.dataSync(), w.shape, [3, 2, 0, 1]);
const values = (y: Theirs): Float32Array => y.dataSync().slice();

/** A solution from a function whose results are freed after each call; `reads` bring them to our layout. */
function solution(call: () => readonly Theirs[], reads: readonly ((y: Theirs) => Float32Array)[]): Solution {
  const tidy = (): readonly Theirs[] => tf.tidy(call);
  return {
    run: () => tf.dispose(tidy()),
    outputs() {
      const results = tidy();
      const outputs = results.map((y, i) => reads[i]!(y));
      tf.dispose(results);
      return outputs;
    },
  };
}

function convGrad(_: ConvSizes, { x, w, b, g }: Inputs): Solution {
  const [operands, seed] = [[map(x!), filter(w!), plain(b!)], map(g!)];
  const pull = tf.grads((x, w, b) => tf.add(tf.conv2d(x, w, 1, "same"), b));
  return solution(() => pull(operands, seed), [nchw, oihw, values]);
}

function train({ layers, lr, steps }: SpecOf<"train">, inputs: Inputs): Solution {
  const start = (): (() => number) => {
    const params = layers.flatMap(({ outputs }, i) => [tf.variable(filter(inputs[`w${i}`]!)), tf.variable(tf.zeros([outputs]))]);
    const [x, y] = [map(inputs.x!), map(inputs.y!)];
    const loss = (): Theirs => {
      const z = layers.reduce((h, { kernel, stride }, i) => {
        const next = tf.add(tf.conv2d(h, params[2 * i], stride, kernel >> 1), params[2 * i + 1]);
        return i === layers.length - 1 ? next : tf.relu(next);
      }, x);
      return tf.mean(tf.add(tf.sub(tf.relu(z), tf.mul(z, y)), tf.log1p(tf.exp(tf.neg(tf.abs(z))))));
    };
    return adam(params, lr, loss);
  };
  const going = start();
  const fresh = start();
  return { run: going, outputs: () => [Array.from({ length: steps }, () => fresh())] };
}

/** Steps of Adam with bias correction, as PyTorch has it. */
function adam(params: readonly Theirs[], lr: number, loss: () => Theirs): () => number {
  const first = params.map((p) => tf.variable(tf.zerosLike(p)));
  const second = params.map((p) => tf.variable(tf.zerosLike(p)));
  let t = 0;
  return () =>
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(loss, params);
      t++;
      params.forEach((p, i) => {
        const g = grads[p.name!]!;
        first[i]!.assign(tf.add(tf.mul(first[i], 0.9), tf.mul(g, 0.1)));
        second[i]!.assign(tf.add(tf.mul(second[i], 0.999), tf.mul(tf.square(g), 0.001)));
        const root = tf.sqrt(tf.div(second[i], 1 - 0.999 ** t));
        p.assign(tf.sub(p, tf.div(tf.mul(first[i], lr / (1 - 0.9 ** t)), tf.add(root, 1e-8))));
      });
      return value.dataSync()[0]!;
    });
}

function lsq({ scale, qmin, qmax }: SpecOf<"lsq">, inputs: Inputs): Solution {
  const [x, g] = [plain(inputs.x!), plain(inputs.g!)];
  return solution(() => {
    const v = tf.div(x, scale);
    const rounded = tf.round(v);
    const code = tf.clipByValue(rounded, qmin, qmax);
    const inside = tf.logicalNot(tf.logicalOr(tf.less(rounded, qmin), tf.greater(rounded, qmax)));
    const slope = tf.where(inside, tf.sub(rounded, v), code);
    return [tf.mul(code, scale), tf.mul(g, tf.cast(inside, "float32")), tf.sum(tf.mul(g, slope))];
  }, [values, values, values]);
}

function stack({ layers }: SpecOf<"stack">, inputs: Inputs): Solution {
  const x = map(inputs.x!);
  const parts = Array.from({ length: layers }, (_, i) => ({ filter: filter(inputs[`w${i}`]!), bias: plain(inputs[`b${i}`]!) }));
  const layer = (h: Theirs, part: object): Theirs => tf.fused.conv2d({ x: h, ...part, strides: 1, pad: "same", activation: "relu" });
  return solution(() => [parts.reduce(layer, x)], [nchw]);
}

const trained: Solver = { convGrad, train };

await serve(
  PACKAGES["@tensorflow/tfjs"],
  shim
    ? trained
    : {
        ...trained,
        stack,
        lsq,
        matmul(_, inputs) {
          const [a, b] = [plain(inputs.a!), plain(inputs.b!)];
          return solution(() => [tf.matMul(a, b)], [values]);
        },
        conv({ groups }, { x, w, b }) {
          const conv = groups > 1 ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
          const operands = { x: map(x!), filter: filter(w!, groups > 1), bias: plain(b!), strides: 1, pad: "same" };
          return solution(() => [conv(operands)], [nchw]);
        },
        fakeQuant({ scale, qmin, qmax }, inputs) {
          const x = plain(inputs.x!);
          return solution(() => [tf.mul(tf.clipByValue(tf.round(tf.div(x, scale)), qmin, qmax), scale)], [values]);
        },
      },
);
