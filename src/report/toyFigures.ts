import type { EstimateName, NetName, NoiseName, ToyRecord, ToySeed } from "../experiments/index.ts";
import { COLORS, type Curve, drawPanels, type Panel } from "./lineFigure.ts";

const NET_LOOKS: readonly (readonly [NetName, string, string])[] = [
  ["regressor", "regressor (squared error)", COLORS.blue],
  ["regressorL1", "regressor (absolute error)", COLORS.sky],
  ["classifier", "classifier", COLORS.orange],
];

const NOISE_LOOKS: readonly (readonly [NoiseName, string, string | undefined])[] = [
  ["normal", "normal", undefined],
  ["uniform", "uniform on [-σ, σ)", "6 3"],
  ["uniformSameVariance", "uniform of variance σ²", "2 3"],
];

const ESTIMATE_LOOKS: readonly (readonly [EstimateName, string, string, string | undefined])[] = [
  ["weightMse", "weight error", COLORS.yellow, undefined],
  ["fisher", "diagonal Fisher, gradients of the loss", COLORS.orange, undefined],
  ["modelFisher", "diagonal Fisher, targets of the model", COLORS.pink, "6 3"],
  ["gaussNewton", "full Gauss-Newton", COLORS.green, "2 3"],
  ["hessian", "exact Hessian", COLORS.blue, "6 3"],
];

const FIGURES: Readonly<Record<string, (record: ToyRecord) => string>> = {
  "toy/perturbation.svg": perturbation,
  "toy/scales.svg": scales,
  "toy/weights.svg": weights,
  "toy/curvature.svg": curvature,
  "toy/logarithmic.svg": logarithmic,
};

/** What a report of a toy study consists of, by path below the output folder. */
export const TOY_FILES: readonly string[] = ["toy.md", ...Object.keys(FIGURES)];

/** The figures of a toy study by path below the output folder; standalone SVGs. */
export const drawToy = (record: ToyRecord): Map<string, string> =>
  new Map(Object.entries(FIGURES).map(([path, draw]) => [path, draw(record)]));

/** Mean over the seeds, entry by entry. */
const meanOf = (seeds: readonly ToySeed[], of: (seed: ToySeed) => readonly number[]): number[] => {
  const rows = seeds.map(of);
  return rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
};

function perturbation({ seeds, config }: ToyRecord): string {
  const curves = (of: (seed: ToySeed, net: "regressor" | "classifier", kind: NoiseName) => readonly number[]): Curve[] =>
    NET_LOOKS.flatMap(([net, , color]) => (net === "regressorL1" ? [] : [{ net, color }])).flatMap(({ net, color }) =>
      NOISE_LOOKS.map(([kind, name, dash]) => ({
        name: `${net}, ${name}`,
        x: config.sigmas,
        y: meanOf(seeds, (seed) => of(seed, net, kind)),
        color,
        ...(dash !== undefined && { dash }),
      })),
    );
  const panel = (title: string, of: Parameters<typeof curves>[0]): Panel => ({ title, xLabel: "σ", logarithmic: true, curves: curves(of) });
  return drawPanels("Output change under weight noise", [
    panel("MSE of the output (logits)", (s, net, kind) => s.perturbation[net][kind].raw),
    panel("MSE / variance of the output", (s, net, kind) => s.perturbation[net][kind].relative),
    panel("MSE of the output (probabilities)", (s, net, kind) => s.perturbation[net][kind].probabilities ?? s.perturbation[net][kind].raw),
  ]);
}

/** In parts of the largest. */
const scaled = (values: readonly number[]): number[] => {
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  return values.map((v) => (most > 0 ? v / most : 0));
};

function scales({ seeds, factors }: ToyRecord): string {
  const [{ sweep, seed }] = seeds;
  return drawPanels(
    "Weight error and task loss over the INT4 scale",
    NET_LOOKS.map(([net, title]): Panel => {
      const { weightMse, task, joint } = sweep[net];
      return {
        title: `${title}, seed ${seed}`,
        xLabel: "shrink factor",
        logarithmic: true,
        curves: [
          { name: "weight error, parts of the largest", x: factors, y: scaled(weightMse), color: COLORS.yellow, marks: [joint.weight] },
          { name: "task loss, parts of the largest", x: factors, y: scaled(task), color: COLORS.blue, marks: [joint.task] },
        ],
      };
    }),
  );
}

/** Left ends of even bins, and the end of the last, where the height is shown once more. */
const bins = (low: number, high: number, shares: readonly number[]): Pick<Curve, "x" | "y" | "steps"> => ({
  x: [...shares.map((_, i) => low + ((high - low) * i) / shares.length), high],
  y: [...shares, shares[shares.length - 1]],
  steps: true,
});

function weights({ seeds }: ToyRecord): string {
  const curves = NET_LOOKS.map(
    ([net, name, color]): Curve => ({
      name,
      color,
      ...bins(
        -4,
        4,
        meanOf(seeds, (s) => s.weights[net].histogram),
      ),
    }),
  );
  return drawPanels("Histograms of the hidden layers' weights", [
    { title: "Share of the weights", xLabel: "weight / root mean square", curves },
    { title: "The same, logarithmic", xLabel: "weight / root mean square", curves, logarithmic: true },
  ]);
}

function curvature({ seeds, factors }: ToyRecord): string {
  const panels = (["regressor", "classifier"] as const).map((net): Panel => {
    const { task, estimates } = seeds[0].curvature[net];
    return {
      title: `${net}, second layer, seed ${seeds[0].seed}`,
      xLabel: "shrink factor",
      logarithmic: true,
      curves: [
        { name: "increase of the task loss", x: factors, y: scaled(task), color: COLORS.black },
        ...ESTIMATE_LOOKS.map(([key, name, color, dash]) => ({
          name,
          x: factors,
          y: scaled(estimates[key]),
          color,
          ...(dash !== undefined && { dash }),
        })),
      ],
    };
  });
  return drawPanels("Estimates of the task loss over the INT4 scale, parts of their largest", panels);
}

function logarithmic({ seeds }: ToyRecord): string {
  const curves = (of: (seed: ToySeed, net: NetName) => readonly number[], high: number): Curve[] =>
    NET_LOOKS.map(([net, name, color]) => ({
      name,
      color,
      ...bins(
        0,
        high,
        meanOf(seeds, (s) => of(s, net)),
      ),
    }));
  return drawPanels("Magnitudes of the hidden layers' weights before and after the logarithmic-affine transform", [
    { title: "Before: share of the weights", xLabel: "|w| / largest", curves: curves((s, net) => s.logAffine[net].histogram, 1) },
    { title: "After: share of the weights", xLabel: "k log₂|w| + a", curves: curves((s, net) => s.logAffine[net].logHistogram, 6) },
  ]);
}
