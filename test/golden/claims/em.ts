import { type EmRun, expectationMaximization, linearSvm, lloyd, logOdds } from "../../../src/em/index.ts";
import { Tensor } from "../../../src/tensor/index.ts";
import type { Claims, LoadedCase } from "../runner.ts";

const vector = (values: ArrayLike<number>, ...shape: number[]): Tensor =>
  new Tensor(shape.length > 0 ? shape : [values.length], "f64", Float64Array.from(values));
const scalar = (value: number): Tensor => new Tensor([], "f64", Float64Array.of(value));
const doubles = (x: Tensor): Float64Array => Float64Array.from(x.data);
const pair = (x: Tensor): [number, number] => [x.data[0], x.data[1]];

/** scikit-learn adds this to component counts. */
const COUNT_EPSILON = 10 * Number.EPSILON;

interface EmAttrs {
  readonly iterations?: number;
  readonly maxIter?: number;
  readonly regCovar: number;
  readonly tol?: number;
}

function runOf(c: LoadedCase): EmRun {
  const { iterations, maxIter, regCovar, tol } = c.attrs as unknown as EmAttrs;
  const { x, weights0, means0, variances0 } = c.inputs;
  return expectationMaximization(
    doubles(x),
    { weights: pair(weights0), means: pair(means0), variances: pair(variances0) },
    { iterations: iterations ?? maxIter ?? 1, regCovar, countEpsilon: COUNT_EPSILON, absoluteTolerance: tol ?? 0 },
  );
}

function posterior(c: LoadedCase, { final }: EmRun): Tensor {
  const rows = Array.from(c.inputs.x.data, (h) => {
    const odds = logOdds(final, 1, h);
    return [1 / (1 + Math.exp(odds)), 1 / (1 + Math.exp(-odds))];
  });
  return vector(rows.flat(), rows.length, 2);
}

export const claims: Claims = {
  gmm_em_1d(c) {
    const run = runOf(c);
    const steps = run.steps.length;
    return {
      outputs: {
        logLik: vector(run.logLikelihood),
        weights: vector(
          run.steps.flatMap((s) => [...s.weights]),
          steps,
          2,
        ),
        means: vector(
          run.steps.flatMap((s) => [...s.means]),
          steps,
          2,
        ),
        variances: vector(
          run.steps.flatMap((s) => [...s.variances]),
          steps,
          2,
        ),
        finalLogLik: scalar(run.finalLogLikelihood),
        posterior: posterior(c, run),
      },
    };
  },
  gmm_em_1d_until(c) {
    const run = runOf(c);
    const size = c.inputs.x.size;
    const deviance = -2 * size * run.finalLogLikelihood;
    return {
      outputs: {
        iterations: new Tensor([], "i32", Int32Array.of(run.steps.length)),
        means: vector(run.final.means),
        variances: vector(run.final.variances),
        weights: vector(run.final.weights),
        posterior: posterior(c, run),
        bic: scalar(deviance + 5 * Math.log(size)),
        aic: scalar(deviance + 2 * 5),
      },
    };
  },
  kmeans_lloyd(c) {
    const { x, init } = c.inputs;
    const [k, dims] = init.shape;
    const fit = lloyd(doubles(x), dims, doubles(init), (c.attrs as { maxIter: number }).maxIter);
    return {
      outputs: {
        centers: vector(fit.centers, k, dims),
        labels: new Tensor([x.shape[0]], "i32", fit.labels),
        inertia: scalar(fit.inertia),
        nIter: new Tensor([], "i32", Int32Array.of(fit.iterations)),
      },
    };
  },
  linear_svm(c) {
    const { x, y } = c.inputs;
    const [n, dims] = x.shape;
    const cost = (c.attrs as { C: number }).C;
    const free = linearSvm(doubles(x), dims, y.data, { cost });
    const penalised = linearSvm(doubles(x), dims, y.data, { cost, bias: "penalised" });
    const decision = Array.from({ length: n }, (_, i) => free.weights.reduce((sum, w, d) => sum + w * x.data[i * dims + d], free.bias));
    return {
      outputs: {
        w: vector(free.weights),
        b: scalar(free.bias),
        decision: vector(decision),
        primalObjective: scalar(free.objective),
        regBiasPrimalObjective: scalar(penalised.objective),
        regBiasW: vector(penalised.weights),
        regBiasB: scalar(penalised.bias),
      },
    };
  },
};
