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

/** Where operands lie in memory already, as those of the limit and of the peers do. */
const resident = (row: string): string => `${row}, compiled`;
const ENGINE = "inlierq, compiled";

const products: readonly Target[] = [
  ...SIZES.flatMap((n) =>
    [
      { least: 0.8, nodes: ["20"] },
      { least: 0.78, nodes: ["24"] },
    ].map((goal) => target(`sgemm ${n}: share of the mul+add limit`, goal, (f) => f.shareOfPeak(resident(`sgemm ${n}`)), "")),
  ),
  ...SIZES.map((n) =>
    target(`sgemm ${n}, relaxed: share of its limit`, { least: 0.88, nodes: RELAXED }, (f) => f.shareOfPeak(`sgemm ${n}, relaxed`), ""),
  ),
];

const rateAgainstGemm = (row: string, least: number): Target =>
  target(`${row}: share of the rate of ${GEMM}`, { least }, (f) => f.rateRatio(resident(row), resident(GEMM)), "");

const convolutions: readonly Target[] = [
  ...CONVOLUTIONS.map((c) => rateAgainstGemm(c, 0.8)),
  rateAgainstGemm("conv 1x1", 0.9),
  ...CONVOLUTIONS.map((c) => faster(c, ENGINE, "tfjs-wasm", 1, ["20"])),
  ...CONVOLUTIONS.map((c) => faster(c, ENGINE, "onnxruntime-web", 1.2, ["20"])),
  ...CONVOLUTIONS.flatMap((c) => ["tfjs-wasm", "onnxruntime-web"].map((peer) => faster(c, "inlierq, relaxed", peer, 1.25, RELAXED))),
  target("conv depthwise: time over that of tfjs-wasm", { most: 0.8 }, (f) => f.against("conv depthwise", "tfjs-wasm", ENGINE)),
];

const training: readonly Target[] = [
  ...BACKWARD.map((c) =>
    target(`${c} forward+backward: time over that of the forward`, { most: 3.3 }, (f) =>
      f.bestRatio(resident(`${c} forward+backward`), resident(c)),
    ),
  ),
  ...BACKWARD.flatMap((c) => [SHIM, "jax-js"].map((peer) => faster(`${c} forward+backward`, ENGINE, peer, 10))),
  target("train step: time over that of torch", { most: 3.5 }, (f) => f.against("train step", "torch", ENGINE)),
  ...[SHIM, "jax-js"].map((peer) => faster("train step", ENGINE, peer, 11)),
  target("train step: replay against eager", { least: 1.3 }, (f) => f.speedup("train step, compiled", "train step")),
];

const rest: readonly Target[] = [
  faster("fake-quant 8M", ENGINE, "tfjs-wasm", 1),
  faster("LSQ 8M forward+backward", ENGINE, "torch", 4),
  faster("GMM EM 1e6 x 50", "inlierq", "scikit-learn", 20),
  target(`${STACK}: integer W8A8 against own f32`, { least: 1.8 }, (f) => f.speedup(`${STACK}, W8A8, integer`, resident(STACK))),
  faster(`${STACK}, W8A8`, "inlierq, integer", "onnxruntime-web", 1),
  target(`${STACK}: integer W4A8 against integer W8A8`, { least: 1 }, (f) =>
    f.speedup(`${STACK}, W4A8, integer`, `${STACK}, W8A8, integer`),
  ),
  ...["conv 3x3 b", STACK, "sgemm 1024"].map((name) =>
    target(`${name}: 2 threads against 1, best round`, { least: 1.7 }, (f) => f.bestSpeedup(`${name}, 2 threads`, resident(name))),
  ),
  faster("yolox-nano-416", ENGINE, "onnxruntime-web", 1),
  faster("yolox-nano-416", "inlierq, 2 threads", "onnxruntime-web, 2 threads", 1),
  target("yolox-nano-416: integer W8A8 against own f32", { least: 1 }, (f) =>
    f.speedup("yolox-nano-416, W8A8, integer", resident("yolox-nano-416")),
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
