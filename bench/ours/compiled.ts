import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compile, record, valueAndGrad } from "../../src/autograd/index.ts";
import { loadModel } from "../../src/job/index.ts";
import { adam, bceWithLogits, initialState, optimizerStep, parameters, withParameters } from "../../src/nn/index.ts";
import { conv2d, fakeQuant, item, type Tensor, tensor } from "../../src/tensor/index.ts";
import type { Inputs, SpecOf } from "../problems.ts";
import type { Solution, Solver } from "../solver.ts";
import { networkOf, solution, stackOf } from "./eager.ts";

/** A solution that replays a function of its inputs. */
const replayed = (f: (...xs: Tensor[]) => readonly Tensor[], xs: readonly Tensor[]): Solution => {
  const replay = compile(f);
  return solution(() => replay(...xs));
};

function train(spec: SpecOf<"train">, inputs: Inputs): Solution {
  const net = networkOf(spec, inputs);
  const { x, y } = inputs as { x: Tensor; y: Tensor };
  const names = [...parameters(net).keys()];
  const named = (values: readonly Tensor[]): Map<string, Tensor> => new Map(names.map((name, i) => [name, values[i]!]));
  const loss = (...values: Tensor[]): Tensor => bceWithLogits(withParameters(net, named(values)).forward(x), y);
  const slopes = compile((...values: Tensor[]) => {
    const { value, grads } = valueAndGrad(loss, values);
    return [value, ...grads];
  });
  const start = (): (() => number) => {
    let at = { params: parameters(net), state: initialState() };
    return () => {
      const [value, ...grads] = slopes(...names.map((name) => at.params.get(name)!));
      at = optimizerStep(adam(), at.params, named(grads), at.state, spec.lr);
      return item(value!);
    };
  };
  const outputs = (): number[][] => {
    const fresh = start();
    return [Array.from({ length: spec.steps }, () => fresh())];
  };
  return { run: start(), outputs };
}

function model({ file }: SpecOf<"model">, { x }: Inputs): Solution | string {
  const data = process.env.INLIERQ_DATA;
  if (!data) return "INLIERQ_DATA is not set";
  const { graph } = loadModel(readFileSync(join(data, "models", file)), file);
  return replayed((input) => Object.values(graph.forward(input)), [x!]);
}

/** Functions recorded once and replayed in planned memory. */
export const compiled: Solver = {
  train,
  model,
  convGrad: ({ kernel, groups }, { x, w, b, g }) =>
    replayed(
      (x, w, b, g) => {
        const { value, tape } = record(() => conv2d(x, w, { bias: b, padding: kernel >> 1, groups }));
        return tape.vjp(value, [x, w, b], g).map((found) => found!);
      },
      [x!, w!, b!, g!],
    ),
  lsq: ({ scale, qmin, qmax }, { x, g }) =>
    replayed(
      (x, s, z, g) => {
        const { value, tape } = record(() => fakeQuant(x, s, z, { qmin, qmax }));
        return [value, ...tape.vjp(value, [x, s], g).map((found) => found!)];
      },
      [x!, tensor([scale]), tensor([0]), g!],
    ),
  stack: (spec, inputs) => replayed((x) => [stackOf(spec, inputs, x)], [inputs.x!]),
};
