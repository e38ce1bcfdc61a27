import { readFileSync } from "node:fs";
import { join } from "node:path";
import { record } from "../../../src/autograd/index.ts";
import { Graph } from "../../../src/graph/index.ts";
import { topKNllPerImage } from "../../../src/nn/index.ts";
import { importOnnx } from "../../../src/onnx/index.ts";
import { chooseQParams, makeScheme, saliency } from "../../../src/quant/index.ts";
import {
  add,
  batchNorm,
  cast,
  fakeQuant,
  logSigmoid,
  mean,
  mul,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
  variance,
} from "../../../src/tensor/index.ts";
import { rangeOf } from "../../quant/range.ts";
import { type RawTensor, valuesOf } from "../case.ts";
import { type Claim, type Claims, disagreement, type LoadedCase } from "../runner.ts";

import { type Apply, convolve, foldedNet, foldedOf, folderBytes, headsOf, loaded, netOf, plain, runNet, weightsOf } from "./e2eNet.ts";

/**
 * Also holds the float32 run of another system (outputs `*_f32`) against ours. Its tolerance is that of float32 in either
 * run, so it is compared here, and what agrees is handed on as stored.
 */
const forward: Claim = (c) => {
  const single = { ...c, dtype: "f32" as const };
  const heads = headsOf(runNet(c, c.inputs.x, plain(c)));
  const theirs = headsOf(runNet(single, cast(c.inputs.x, "f32"), plain(single)));
  const agreed = Object.entries(theirs).map(([k, y]) => {
    const stored = loaded(c, c.raw.outputs?.[`${k}_f32`] as RawTensor);
    const gap = disagreement(y.data, stored.data, c.raw.tol?.f32 ?? c.manifest.defaultTol.f32);
    if (gap) throw new Error(`${k}_f32 ${gap}`);
    return [`${k}_f32`, stored] as const;
  });
  return { outputs: { ...heads, ...Object.fromEntries(agreed) } };
};

const activations: Claim = (c) => {
  const { x: _, ...values } = runNet(c, c.inputs.x, plain(c));
  return { outputs: values };
};

/** Gradients of the summed eq. 7 loss with respect to the input and every layer's output. */
function heatmapGradients(c: LoadedCase): { loss: Tensor; grads: Record<string, Tensor> } {
  const { value, tape } = record(() => {
    const values = runNet(c, c.inputs.x, plain(c));
    const [n, classes, h, w] = values.hm.shape;
    const loss = topKNllPerImage(reshape(logSigmoid(values.hm), { shape: [n, classes, h * w] }), { topK: c.attrs.topK as number });
    return { values, loss, total: sum(loss) };
  });
  const names = Object.keys(value.values).filter((name) => name !== "wh" && name !== "reg");
  const found = tape.vjp(
    value.total,
    names.map((name) => value.values[name]),
  );
  return { loss: value.loss, grads: Object.fromEntries(names.map((name, i) => [name, found[i] as Tensor])) };
}

const saliencies: Claim = (c) => {
  const { loss, grads } = heatmapGradients(c);
  const maps = Object.entries(grads).map(([name, g]) => [`saliency.${name}`, saliency(g)]);
  return { outputs: { lossPerImage: loss, ...Object.fromEntries(maps) } };
};

const activationGrads: Claim = (c) => {
  const { grads } = heatmapGradients(c);
  return { outputs: Object.fromEntries(Object.entries(grads).map(([name, g]) => [`grad.${name}`, g])) };
};

/** One training step: batch statistics in the forward pass, gradients of all weights, updated running statistics. */
const parameterGrads: Claim = (c) => {
  const w = weightsOf(c);
  const { bnMomentum } = c.attrs as { bnMomentum: number };
  const after: Record<string, Tensor> = {};
  const apply: Apply = (layer, x) => {
    const y = convolve(layer, x, w[`${layer.name}.weight`], w[`${layer.name}.bias`]);
    if (!layer.bn) return y;
    const [center, spread] = [mean(y, { dim: [0, 2, 3] }), variance(y, { dim: [0, 2, 3], correction: 0 })];
    const blend = (old: Tensor, next: Tensor) => add(mul(old, 1 - bnMomentum), mul(next, bnMomentum));
    after[`${layer.name}_bn.running_mean`] = blend(w[`${layer.name}_bn.running_mean`], center);
    after[`${layer.name}_bn.running_var`] = blend(w[`${layer.name}_bn.running_var`], variance(y, { dim: [0, 2, 3] }));
    return batchNorm(y, w[`${layer.name}_bn.weight`], w[`${layer.name}_bn.bias`], center, spread, { eps: netOf(c).bnEps });
  };
  const { value: loss, tape } = record(() => {
    const { heat, wh, reg } = headsOf(runNet(c, c.inputs.x, apply));
    return add(add(mean(square(heat)), mean(square(wh))), mul(mean(square(reg)), 0.5));
  });
  const names = Object.keys(w).filter((name) => !name.includes("running"));
  const grads = tape.vjp(
    loss,
    names.map((name) => w[name]),
  );
  const outputs: Record<string, Tensor> = { loss };
  names.forEach((name, i) => {
    outputs[`grad.${name}`] = grads[i] as Tensor;
  });
  for (const [name, t] of Object.entries(after)) outputs[`after.${name}`] = t;
  return { outputs };
};

interface StoredParameters {
  readonly wScale: RawTensor;
  readonly wAxis: number | null;
  readonly wQmin: number;
  readonly wQmax: number;
  readonly aScale: number;
  readonly aZeroPoint: number;
  readonly aQmin: number;
  readonly aQmax: number;
}

/** Parameters the manifest gives for the quantized layers of a case, or of the case it refers to. */
function storedParameters(c: LoadedCase): Record<string, StoredParameters> {
  const source = c.raw.sameQparamsAs === undefined ? c.raw : c.manifest.cases.find((other) => other.name === c.raw.sameQparamsAs);
  return source?.qparams as Record<string, StoredParameters>;
}

interface LayerGrid {
  readonly weight: { readonly scale: Tensor; readonly zeroPoint: Tensor };
  readonly activation: { readonly scale: Tensor; readonly zeroPoint: Tensor };
  readonly codes: StoredParameters;
}

/** Scales and zero points found by our own observers on the calibration pictures. */
function calibrated(c: LoadedCase, calibration: Tensor): Map<string, LayerGrid> {
  const values = runNet(c, calibration, foldedNet(c));
  const weights = foldedOf(c);
  const grids = new Map<string, LayerGrid>();
  for (const { name, input } of netOf(c).layers) {
    const codes = storedParameters(c)[name];
    if (!codes) continue;
    const bits = Math.log2(codes.wQmax - codes.wQmin + 1);
    const weightScheme = makeScheme({ bits, mapping: "symmetricNarrow", signed: true, axis: codes.wAxis });
    const activationScheme = makeScheme({ bits: Math.log2(codes.aQmax + 1) });
    const inPrecision = ({ params: { scale, zeroPoint } }: ReturnType<typeof chooseQParams>) => ({
      scale: cast(scale, c.dtype),
      zeroPoint: cast(zeroPoint, c.dtype),
    });
    grids.set(name, {
      weight: inPrecision(chooseQParams(rangeOf(weights[`${name}.w`], codes.wAxis), weightScheme)),
      activation: inPrecision(chooseQParams(rangeOf(values[input], null), activationScheme)),
      codes,
    });
  }
  return grids;
}

function quantizedNet(c: LoadedCase, grids: ReadonlyMap<string, LayerGrid>): Apply {
  const w = foldedOf(c);
  return (layer, x) => {
    const grid = grids.get(layer.name);
    const [weight, bias] = [w[`${layer.name}.w`], w[`${layer.name}.b`]];
    if (!grid) return convolve(layer, x, weight, bias);
    const { wQmin, wQmax, wAxis, aQmin, aQmax } = grid.codes;
    const xq = fakeQuant(x, grid.activation.scale, grid.activation.zeroPoint, { qmin: aQmin, qmax: aQmax });
    const wq = fakeQuant(weight, grid.weight.scale, grid.weight.zeroPoint, { qmin: wQmin, qmax: wQmax, axis: wAxis });
    return convolve(layer, xq, wq, bias);
  };
}

/** Calibrates with our observers, compares the parameters found with the stored ones, and runs the quantized network. */
const quantForward: Claim = (c) => {
  const grids = calibrated(c, c.inputs.calibration);
  const values = runNet(c, c.inputs.x, quantizedNet(c, grids));
  const outputs: Record<string, Tensor> = { ...headsOf(values), neck: values.neck, stem: values.stem };
  const expected: Record<string, number[]> = {};
  for (const [name, { weight, activation, codes }] of grids) {
    outputs[`${name}.wScale`] = weight.scale;
    outputs[`${name}.aScale`] = activation.scale;
    outputs[`${name}.aZeroPoint`] = activation.zeroPoint;
    expected[`${name}.wScale`] = valuesOf(codes.wScale, folderBytes(c));
    expected[`${name}.aScale`] = [codes.aScale];
    expected[`${name}.aZeroPoint`] = [codes.aZeroPoint];
  }
  return { outputs, expected };
};

/** LSQ gradients of every scale for the squared distance of the quantized heatmap logits from the float ones. */
const lsqScaleGrads: Claim = (c) => {
  const other = c.manifest.cases.find((k) => k.name === c.raw.sameQparamsAs);
  const stored = other?.inputs?.calibration as RawTensor;
  const grids = calibrated(c, cast(loaded(c, stored), c.dtype));
  const float = runNet(c, c.inputs.x, foldedNet(c)).hm;
  const { value: loss, tape } = record(() => mean(square(sub(runNet(c, c.inputs.x, quantizedNet(c, grids)).hm, float))));
  const wanted = [...grids].flatMap(([name, { weight, activation }]) => [
    [`grad.${name}.aScale`, activation.scale] as const,
    [`grad.${name}.wScale`, weight.scale] as const,
  ]);
  const found = tape.vjp(
    loss,
    wanted.map(([, t]) => t),
  );
  const outputs: Record<string, Tensor> = { loss };
  wanted.forEach(([key, t], i) => {
    outputs[key] = found[i] ?? mul(t, 0);
  });
  return { outputs };
};

/** Our importer and graph on the stored ONNX files, in the precision of the run. */
const onnxImport: Claim = (c) => {
  const { file } = c.attrs as { file: string };
  const { name, inputs, outputs, nodes, parameters } = importOnnx(Uint8Array.from(readFileSync(join(c.folder, file))), { name: file });
  const graph = new Graph({
    ...{ name, nodes, outputs: outputs.map((p) => ({ ...p, dtype: c.dtype })) },
    inputs: inputs.map((p) => ({ ...p, dtype: c.dtype })),
    parameters: new Map([...parameters].map(([key, t]) => [key, cast(t, c.dtype)])),
  });
  return { outputs: graph.forward(c.inputs.x) };
};

export const claims: Claims = {
  forward,
  activations,
  fold: (c) => ({ outputs: foldedOf(c) }),
  saliency: saliencies,
  activation_grads: activationGrads,
  parameter_grads: parameterGrads,
  quant_forward: quantForward,
  lsq_scale_grads: lsqScaleGrads,
  onnx_import: onnxImport,
};
