import { compile } from "../autograd/index.ts";
import { type Graph, type GraphInput, perInput } from "../graph/index.ts";
import { median, readQuantized } from "../job/index.ts";
import { readModel } from "../node/index.ts";
import { inferInteger, prepareInteger } from "../quant/index.ts";
import { Rng, type Tensor, uniform, zeros } from "../tensor/index.ts";
import { type Command, type Invocation, KERNELS, THREADS } from "./command.ts";
import { EXIT } from "./io.ts";
import { columns, jsonText } from "./text.ts";
import { wholeOf } from "./values.ts";

/** `inlierq bench`: how long one forward pass takes. */
export const benchCommand: Command = {
  name: "bench",
  about: "time the forward pass of a float or quantized model on one picture's worth of input",
  operands: ["MODEL"],
  flags: {
    runs: { type: "string", value: "N", about: "timed runs of each contender, in turn", fallback: "15" },
    threads: THREADS,
    kernels: KERNELS,
    json: { type: "boolean", about: "print JSON" },
  },
  examples: ["inlierq bench yolox-nano.onnx", "inlierq bench out/yolox-nano.w8a8.inlierq --runs 31"],
  run: runBench,
};

interface Timed {
  readonly engine: string;
  readonly medianMs: number;
  readonly bestMs: number;
}

function runBench({ operands: [file], values, io }: Invocation): Promise<number> {
  const runs = wholeOf(values, "runs", 1) ?? 15;
  const model = readModel(file);
  const { graph, plan } = readQuantized(model, model.name);
  const integer = prepareInteger(graph, plan);
  const x = inputFor(graph);
  // Replayed, as eval runs it.
  const forward = perInput(graph, (input) => graph.forward(input), compile);
  const contenders: Record<string, () => unknown> = { float: () => forward(x) };
  if (plan.layers.size > 0) contenders.integer = () => inferInteger(integer, x);
  const times = timed(contenders, runs);
  const quantized = { layers: plan.layers.size, of: graph.layers.length };
  if (values.json === true) io.out(jsonText({ model: file, quantized, runs, times }));
  else io.out(`${tableOf(times)}\n${quantized.layers} of ${quantized.of} layers in integers, ${runs} runs each, in turn\n`);
  return Promise.resolve(EXIT.done);
}

/** Seeded values in [0, 1) for one sample; zeros where an input takes integers. */
function inputFor({ inputs }: Graph): GraphInput {
  const rng = new Rng("bench");
  return Object.fromEntries(
    inputs.map(({ name, shape, dtype }): [string, Tensor] => {
      const one = shape.map((d) => (d === -1 ? 1 : d));
      return [name, dtype === "f32" ? uniform(one, rng) : zeros(one, dtype)];
    }),
  );
}

/** Runs the contenders in turn, so that a drift of the machine meets all alike. */
function timed(contenders: Readonly<Record<string, () => unknown>>, runs: number): Timed[] {
  const lists = Object.entries(contenders).map(([engine, run]) => ({ engine, run, times: [] as number[] }));
  for (const { run } of lists) for (let i = 0; i < 2; i++) run();
  for (let i = 0; i < runs; i++) {
    for (const { run, times } of lists) {
      const start = performance.now();
      run();
      times.push(performance.now() - start);
    }
  }
  return lists.map(({ engine, times }) => ({ engine, medianMs: median(times) as number, bestMs: Math.min(...times) }));
}

const tableOf = (times: readonly Timed[]): string =>
  columns([["", "median ms", "best ms"], ...times.map(({ engine, medianMs, bestMs }) => [engine, medianMs.toFixed(1), bestMs.toFixed(1)])]);
