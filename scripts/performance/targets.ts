import type { Figures } from "./figures.ts";

/** A figure that is to be reached. */
export interface Target {
  readonly what: string;
  readonly least?: number;
  readonly most?: number;
  /** Follows the figure. */
  readonly unit: "" | " x" | " s" | " GB";
  /** Major versions of Node it is set for. */
  readonly nodes: readonly string[];
  /** Undefined where it was not measured. */
  measured(figures: Figures): number | undefined;
}

const BOTH = ["20", "24"];
/** Fused multiply-add needs a runtime that has it. */
const RELAXED = ["24"];
type Measure = Target["measured"];
type Goal = Pick<Target, "least" | "most"> & { readonly nodes?: readonly string[] };

const target = (what: string, { nodes = BOTH, ...goal }: Goal, measured: Measure, unit: Target["unit"] = " x"): Target => ({
  ...{ what, ...goal, unit, nodes, measured },
});
/** As fast as a peer times `least` or more. */
const faster = (problem: string, engine: string, than: string, least: number, nodes: readonly string[] = BOTH): Target =>
  target(`${problem}: ${engine} against ${than}`, { least, nodes }, (f) => f.against(problem, engine, than));

const SIZES = [256, 512, 1024];
const GEMM = "sgemm 512";
const CONVOLUTIONS = ["conv 3x3 a", "conv 3x3 b", "conv 3x3 c"];
const BACKWARD = ["conv 3x3 a", "conv 3x3 b"];
const SHIM = "tfjs-wasm with shim";
const STACK = "stack of 4 conv b";

const products: readonly Target[] = [
  ...SIZES.map((n) =>
    target(`sgemm ${n}: share of the mul+add limit`, { least: 0.8, nodes: ["20"] }, (f) => f.shareOfPeak(`sgemm ${n}`), ""),
  ),
  ...SIZES.map((n) =>
    target(`sgemm ${n}: share of the mul+add limit`, { least: 0.78, nodes: ["24"] }, (f) => f.shareOfPeak(`sgemm ${n}`), ""),
  ),
  ...SIZES.map((n) =>
    target(
      `sgemm ${n}, relaxed: share of the relaxed limit`,
      { least: 0.88, nodes: RELAXED },
      (f) => f.shareOfPeak(`sgemm ${n}, relaxed`),
      "",
    ),
  ),
];

const convolutions: readonly Target[] = [
  ...CONVOLUTIONS.map((c) => target(`${c}: share of the rate of ${GEMM}`, { least: 0.8 }, (f) => f.rateRatio(c, GEMM), "")),
  target(`conv 1x1: share of the rate of ${GEMM}`, { least: 0.9 }, (f) => f.rateRatio("conv 1x1", GEMM), ""),
  ...CONVOLUTIONS.map((c) => faster(c, "inlierq", "tfjs-wasm", 1, ["20"])),
  ...CONVOLUTIONS.map((c) => faster(c, "inlierq", "onnxruntime-web", 1.2, ["20"])),
  ...CONVOLUTIONS.flatMap((c) => ["tfjs-wasm", "onnxruntime-web"].map((peer) => faster(c, "inlierq, relaxed", peer, 1.25, RELAXED))),
  target("conv depthwise: time over that of tfjs-wasm", { most: 0.8 }, (f) => f.against("conv depthwise", "tfjs-wasm", "inlierq")),
];

const training: readonly Target[] = [
  ...BACKWARD.map((c) =>
    target(`${c} forward+backward: time over that of the forward`, { most: 3.3 }, (f) => f.speedup(c, `${c} forward+backward`)),
  ),
  ...BACKWARD.flatMap((c) => [SHIM, "jax-js"].map((peer) => faster(`${c} forward+backward`, "inlierq", peer, 10))),
  target("train step: compiled, time over that of torch", { most: 3.5 }, (f) => f.against("train step", "torch", "inlierq, compiled")),
  ...[SHIM, "jax-js"].map((peer) => faster("train step", "inlierq, compiled", peer, 11)),
  target("train step: replay against eager", { least: 1.3 }, (f) => f.speedup("train step, compiled", "train step")),
];

const rest: readonly Target[] = [
  faster("fake-quant 8M", "inlierq", "tfjs-wasm", 1),
  faster("LSQ 8M forward+backward", "inlierq", "torch", 4),
  faster("GMM EM 1e6 x 50", "inlierq", "scikit-learn", 20),
  target(`${STACK}: integer W8A8 against own f32`, { least: 1.8 }, (f) => f.speedup(`${STACK}, W8A8, integer`, STACK)),
  faster(`${STACK}, W8A8`, "inlierq, integer", "onnxruntime-web", 1),
  target(`${STACK}: integer W4A8 against integer W8A8`, { least: 1 }, (f) =>
    f.speedup(`${STACK}, W4A8, integer`, `${STACK}, W8A8, integer`),
  ),
  ...["conv 3x3 b", STACK, "sgemm 1024"].map((name) =>
    target(`${name}: 2 threads against 1, best round`, { least: 1.7 }, (f) => f.bestSpeedup(`${name}, 2 threads`, name)),
  ),
  ...["inlierq", "inlierq, compiled"].map((engine) => faster("yolox-nano-416", engine, "onnxruntime-web", 1)),
  faster("yolox-nano-416", "inlierq, 2 threads", "onnxruntime-web, 2 threads", 1),
  target("yolox-nano-416: integer W8A8 against own f32, compiled", { least: 1 }, (f) =>
    f.speedup("yolox-nano-416, W8A8, integer", "yolox-nano-416, compiled"),
  ),
  target("quantize yolox-nano-416 W8A8 on 64 photos: time", { most: 30 }, (f) => f.job?.job.seconds, " s"),
  target("quantize yolox-nano-416 W8A8 on 64 photos: memory", { most: 1 }, (f) => f.job && f.job.job.peakBytes / 1e9, " GB"),
];

/** Every target, in the order of the page. */
export const TARGETS: readonly Target[] = [...products, ...convolutions, ...training, ...rest];

/** How far a figure is from its goal, as a share of the goal; 0 where it is reached. */
export function missedBy({ least, most }: Target, value: number): number {
  if (least !== undefined && value < least) return (least - value) / least;
  if (most !== undefined && value > most) return (value - most) / most;
  return 0;
}
