/** Trains the detector that ships and writes models/demo.safetensors: `npm run train:demo`. Same bytes every time. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { collate, preprocess, type Scene, scenes, shuffledBatches, turnScene, writeSafetensors } from "../src/data/index.ts";
import {
  CenterNet,
  centernetLoss,
  centerTargets,
  cocoAp,
  DEMO_CARD,
  DEMO_CONFIG,
  demoDetector,
  detectorFrom,
} from "../src/detect/index.ts";
import { adamW, cosine, descend, forwardWithStatistics, parameters, warmup, withParameters } from "../src/nn/index.ts";
import { Rng, type Tensor } from "../src/tensor/index.ts";

/** What decides the weights. */
export interface TrainConfig {
  readonly seed: number;
  readonly steps: number;
  readonly batchSize: number;
  /** How many scenes are drawn once and seen again and again. */
  readonly pool: number;
  readonly lr: number;
}

export const DEFAULT_TRAINING: TrainConfig = { seed: 0, steps: 1000, batchSize: 8, pool: 1500, lr: 4e-3 };

const STRIDE = 4;
const { input, classes } = DEMO_CARD;
/** Scenes hold at most five objects: with as many rows always, every batch has the same shapes. */
const ROWS = 5;
const GRID = { classes: classes.length, width: input.width / STRIDE, height: input.height / STRIDE, stride: STRIDE, rows: ROWS };

/** Trains on generated scenes; `onStep` sees each step's loss. Returns the folded weights by name. */
export function trainDemo(config: TrainConfig, onStep: (step: number, loss: number) => void = () => {}): Map<string, Tensor> {
  const rng = new Rng(config.seed);
  const pool = Array.from(scenes(`train/${config.seed}`, config.pool));
  const batches = shuffledBatches(pool.length, config.batchSize, rng.split("order"));
  const turns = rng.split("turns");
  const model = CenterNet.init({ ...DEMO_CONFIG, norm: true }, rng.split("weights"));
  const batch = () => {
    const drawn = batches.next().value.map((i) => turnScene(pool[i], turns.int(1, 8)));
    const targets = centerTargets(
      drawn.map((s) => s.truth),
      GRID,
    );
    return { x: collate(drawn.map(({ picture }) => preprocess(picture, input).x)), targets };
  };
  const loss = (params: ReadonlyMap<string, Tensor>, { x, targets }: ReturnType<typeof batch>) => {
    const current = withParameters(model, params);
    const { out, statistics } = forwardWithStatistics(current, (tap) => current.logits(x, tap));
    return { loss: centernetLoss(out, targets), statistics };
  };
  const { steps, lr } = config;
  const descent = descend(loss, parameters(model), {
    optimizer: adamW({ weightDecay: 1e-4 }),
    lr: warmup(cosine(lr, steps), 20, 0.1),
    ...{ steps, clipNorm: 10, batch },
  });
  for (;;) {
    const next = descent.next();
    if (next.done) return parameters(withParameters(model, next.value.params).folded());
    onStep(next.value.step, next.value.loss);
  }
}

/** COCO AP and AP50 of the shipped form of the weights on scenes nobody trained on. */
export function evaluateDemo(weights: ReadonlyMap<string, Tensor>, held: Iterable<Scene>): { ap: number; ap50: number } {
  const { module, card } = demoDetector(weights);
  const detector = detectorFrom(module, card);
  const images = Array.from(held, ({ picture, truth }) => {
    const { x, toPicture } = preprocess(picture, card.input);
    const [found] = detector.decode(detector.forward(x));
    return { predicted: found.map((p) => ({ ...p, box: toPicture(p.box) })), truth };
  });
  const { stats } = cocoAp(images, { classes: card.classes.length });
  return { ap: stats.AP, ap50: stats.AP50 };
}

function main(): void {
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1000).toFixed(0);
  const weights = trainDemo(DEFAULT_TRAINING, (step, loss) => {
    if (step % 20 === 0) process.stderr.write(`step ${step}  loss ${loss.toFixed(4)}  ${seconds()} s\n`);
  });
  const bytes = writeSafetensors(
    weights,
    new Map([
      ["detector", "demo"],
      ["training", JSON.stringify(DEFAULT_TRAINING)],
    ]),
  );
  const folder = new URL("../models/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const partial = new URL("demo.safetensors.partial", folder);
  writeFileSync(partial, bytes);
  renameSync(partial, new URL("demo.safetensors", folder));
  const { ap, ap50 } = evaluateDemo(weights, scenes("held-out", 200));
  console.log(
    `models/demo.safetensors: ${bytes.length} bytes, ${seconds()} s, AP ${(100 * ap).toFixed(1)}, AP50 ${(100 * ap50).toFixed(1)} on 200 held-out scenes`,
  );
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main();
