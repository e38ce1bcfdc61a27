import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compile, compileViews, record } from "../../src/autograd/index.ts";
import { loadModel } from "../../src/job/index.ts";
import { adam, bceWithLogits, descend, parameters, withParameters } from "../../src/nn/index.ts";
import { conv2d, fakeQuant, matmul, type Tensor, tensor } from "../../src/tensor/index.ts";
import type { Inputs, SpecOf } from "../problems.ts";
import type { Solution, Solver } from "../solver.ts";
import { networkOf, solution, stackOf, trainingOf } from "./eager.ts";

/** A solution that replays a function of its inputs. */
const replayed = (f: (...xs: Tensor[]) => readonly Tensor[], xs: readonly Tensor[]): Solution => {
  const replay = compile(f);
  return solution(() => replay(...xs));
};

/** The same, with the results left where they lie: what a loop that hands them on needs, without copies. */
const viewed = (f: (...xs: Tensor[]) => readonly Tensor[], xs: readonly Tensor[]): Solution => {
  const replay = compileViews(f);
  return solution(() => replay(...xs));
};

function train(spec: SpecOf<"train">, inputs: Inputs): Solution {
  const net = networkOf(spec, inputs);
  const { x, y } = inputs as { x: Tensor; y: Tensor };
  const start = () =>
    descend((params, batch) => bceWithLogits(withParameters(net, params).forward(batch.x), batch.y), parameters(net), {
      ...{ optimizer: adam(), lr: spec.lr, steps: 1e9, batch: () => ({ x, y }) },
    });
  return trainingOf(start, spec);
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
  matmul: (_, { a, b }) => viewed((a, b) => [matmul(a, b)], [a!, b!]),
  conv: ({ kernel, groups }, { x, w, b }) => viewed((x, w, b) => [conv2d(x, w, { bias: b, padding: kernel >> 1, groups })], [x!, w!, b!]),
  convGrad({ kernel, groups }, { x, w, b, g }) {
    // The forward result is an output too: a replay leaves out what nobody asks for.
    const replay = compileViews((x, w, b, g) => {
      const { value, tape } = record(() => conv2d(x, w, { bias: b, padding: kernel >> 1, groups }));
      return [value, ...tape.vjp(value, [x, w, b], g).map((found) => found!)];
    });
    return solution(() => replay(x!, w!, b!, g!).slice(1));
  },
  fakeQuant: ({ scale, qmin, qmax }, { x }) =>
    viewed((x, s, z) => [fakeQuant(x, s, z, { qmin, qmax })], [x!, tensor([scale]), tensor([0])]),
  lsq: ({ scale, qmin, qmax }, { x, g }) =>
    viewed(
      (x, s, z, g) => {
        const { value, tape } = record(() => fakeQuant(x, s, z, { qmin, qmax }));
        return [value, ...tape.vjp(value, [x, s], g).map((found) => found!)];
      },
      [x!, tensor([scale]), tensor([0]), g!],
    ),
  stack: (spec, inputs) => viewed((x) => [stackOf(spec, inputs, x)], [inputs.x!]),
};
