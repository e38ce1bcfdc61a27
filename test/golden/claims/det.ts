import { record } from "../../../src/autograd/index.ts";
import {
  type AnchorOptions,
  anchors,
  area,
  type Box,
  type BoxWeights,
  ciou,
  classwiseNms,
  clipBox,
  decodeBox,
  decodeCenters,
  diou,
  drawGaussian,
  encodeBox,
  gaussianRadius,
  giou,
  iou,
  nms,
  toCxcywh,
  toXywh,
} from "../../../src/detect/index.ts";
import { logOdds } from "../../../src/em/index.ts";
import { giouLoss, topKNll, topKNllPerImage } from "../../../src/nn/index.ts";
import { inlierMask, inlierPosterior } from "../../../src/quant/inlier.ts";
import { saliency } from "../../../src/quant/saliency.ts";
import { log, logSigmoid, reshape, roiAlign, sigmoid, sub, Tensor, zeros } from "../../../src/tensor/index.ts";
import { type Claim, type Claims, differentiable, type LoadedCase } from "../runner.ts";

const floats = (values: ArrayLike<number>, ...shape: number[]): Tensor => new Tensor(shape, "f64", Float64Array.from(values));
const indices = (values: ArrayLike<number>): Tensor => new Tensor([values.length], "i32", Int32Array.from(values));
const boxesOf = (x: Tensor): Box[] =>
  Array.from({ length: x.shape[0] }, (_, i) => Array.from(x.data.subarray(4 * i, 4 * i + 4)) as unknown as Box);
const as = <T>(c: LoadedCase): T => c.attrs as T;
const rows = (list: readonly (readonly number[])[]): Tensor => floats(list.flat(), list.length, 4);

const pairs =
  (f: (a: Box, b: Box) => number) =>
  (a: readonly Box[], b: readonly Box[]): Tensor =>
    floats(
      a.flatMap((x) => b.map((y) => f(x, y))),
      a.length,
      b.length,
    );

const boxes: Claims = {
  nms: (c) => ({
    outputs: { keep: indices(nms(boxesOf(c.inputs.boxes), c.inputs.scores.data, as<{ iouThreshold: number }>(c).iouThreshold)) },
  }),
  batched_nms(c) {
    const { boxes: b, scores, classes } = c.inputs;
    return {
      outputs: { keep: indices(classwiseNms(boxesOf(b), scores.data, classes.data, as<{ iouThreshold: number }>(c).iouThreshold)) },
    };
  },
  box_iou(c) {
    const [a, b] = [boxesOf(c.inputs.a), boxesOf(c.inputs.b)];
    const areaA = floats(a.map(area), a.length);
    return { outputs: { iou: pairs(iou)(a, b), giou: pairs(giou)(a, b), diou: pairs(diou)(a, b), ciou: pairs(ciou)(a, b), areaA } };
  },
  box_convert(c) {
    const list = boxesOf(c.inputs.xyxy);
    return { outputs: { xywh: rows(list.map(toXywh)), cxcywh: rows(list.map(toCxcywh)) } };
  },
  clip_boxes(c) {
    const { width, height } = as<{ width: number; height: number }>(c);
    return { outputs: { y: rows(boxesOf(c.inputs.boxes).map((b) => clipBox(b, width, height))) } };
  },
  giou_pairwise: differentiable(({ a, b }) => ({ giou: sub(1, giouLoss(a, b, { eps: 0 })) })),
  roi_align: differentiable(({ x, rois }, attrs) => roiAlign(x, rois, attrs as unknown as Parameters<typeof roiAlign>[2])),
  box_coder(c) {
    const { weights, bboxXformClip } = as<{ weights: BoxWeights; bboxXformClip: number }>(c);
    const [at, gt, rel] = [boxesOf(c.inputs.anchors), boxesOf(c.inputs.gt), boxesOf(c.inputs.rel)];
    return {
      outputs: {
        encoded: rows(gt.map((b, i) => encodeBox(b, at[i], weights))),
        decoded: rows(rel.map((r, i) => decodeBox(r, at[i], weights, bboxXformClip))),
      },
    };
  },
  anchor_generator: (c) => ({ outputs: { anchors: rows(anchors(as<AnchorOptions>(c))) } }),
};

const heatmaps: Claims = {
  gaussian_radius(c) {
    const table = c.inputs.hwMinOverlap;
    const radius = (version: "released" | "corrected"): Tensor =>
      floats(
        Array.from({ length: table.shape[0] }, (_, i) =>
          gaussianRadius(table.data[3 * i], table.data[3 * i + 1], table.data[3 * i + 2], version),
        ),
        table.shape[0],
      );
    return { outputs: { radiusReleased: radius("released"), radiusCorrected: radius("corrected") } };
  },
  draw_gaussian(c) {
    const { shape } = as<{ shape: [number, number, number] }>(c);
    const [, height, width] = shape;
    const map = new Float64Array(shape[0] * height * width);
    const { data } = c.inputs.objects;
    for (let i = 0; i < data.length; i += 4) {
      drawGaussian(map.subarray(data[i] * height * width, (data[i] + 1) * height * width), width, data[i + 1], data[i + 2], data[i + 3]);
    }
    return { outputs: { heatmap: floats(map, ...shape) } };
  },
  centernet_decode(c) {
    const { heat, wh, reg } = c.inputs;
    const [images, classes, height, width] = heat.shape;
    const outputs: Record<string, Tensor> = {};
    for (let n = 0; n < images; n++) {
      const image = (x: Tensor): ArrayLike<number> => x.data.subarray((n * x.size) / images, ((n + 1) * x.size) / images);
      const maps = { width, height, classes, heat: image(heat), size: image(wh), offset: reg && image(reg) };
      const found = decodeCenters(maps, as<{ topK: number }>(c).topK);
      outputs[`boxes${n}`] = rows(found.map((p) => p.box));
      outputs[`scores${n}`] = floats(
        found.map((p) => p.score),
        found.length,
      );
      outputs[`classes${n}`] = indices(found.map((p) => p.label));
    }
    return { outputs };
  },
};

/** Positions flattened and, where the case has one image, a batch axis in front. */
const flat = (x: Tensor): Tensor => {
  const [h, w] = x.shape.slice(-2);
  const batch = x.shape.length === 4 ? x.shape[0] : 1;
  return reshape(x, { shape: [batch, x.shape[x.shape.length - 3], h * w] });
};

/** Eq. 7 once from logits, and once from probabilities for the gradient with respect to those. */
const topKClaim: Claim = (c) => {
  const { topK, mode, batch } = as<{ topK: number; mode: string; batch?: string }>(c);
  const options = { topK, mode: mode === "global" ? "joint" : "perClass" } as const;
  const { logits } = c.inputs;
  const fromLogits = record(() => {
    const scores = logSigmoid(flat(logits));
    return { loss: topKNll(scores, options), each: topKNllPerImage(scores, options) };
  });
  const [grad] = fromLogits.tape.vjp(fromLogits.value.loss, [logits]);
  const prob = sigmoid(logits);
  const fromProb = record(() => topKNll(log(flat(prob)), options));
  const [gradWrtProb = zeros(prob.shape, prob.dtype)] = fromProb.tape.vjp(fromProb.value, [prob]);
  const outputs = batch ? { lossPerImage: fromLogits.value.each } : { loss: fromLogits.value.loss, prob, gradWrtProb };
  return { outputs, grads: { logits: grad } };
};

const inliers: Claims = {
  heatmap_topk_nll: topKClaim,
  volume_saliency: (c) => ({ outputs: { h: saliency(c.inputs.grad) } }),
  volume_saliency_points: (c) => ({ outputs: { h: saliency(c.inputs.grad) } }),
  inlier_posterior(c) {
    const { tau, inlierComponent } = as<{ tau: number; inlierComponent: 0 | 1 }>(c);
    const pair = (x: Tensor): [number, number] => [x.data[0], x.data[1]];
    const { h, weights, means, variances } = c.inputs;
    const at = { weights: pair(weights), means: pair(means), variances: pair(variances) };
    const posterior = (score: number): number => 1 / (1 + Math.exp(-logOdds(at, inlierComponent, score)));
    return {
      outputs: { posterior: inlierPosterior(h, { posterior }), inlier: inlierMask(h, { isInlier: (score) => posterior(score) >= tau }) },
    };
  },
};

export const claims: Claims = { ...boxes, ...heatmaps, ...inliers };
