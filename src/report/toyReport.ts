import type { ClaimRecord, EstimateName, NetName, ToyRecord, ToySeed } from "../experiments/index.ts";
import { number, percent, table } from "./markdown.ts";
import { drawToy } from "./toyFigures.ts";

/** A study as a page: toy.md and its figures, by path below the output folder. The same record gives the same text. */
export const makeToyReport = (record: ToyRecord): Map<string, string> => new Map([["toy.md", toyText(record)], ...drawToy(record)]);

const NET_TITLES: Readonly<Record<NetName, string>> = {
  regressor: "regressor, squared error",
  regressorL1: "regressor, absolute error",
  classifier: "classifier",
};
const NETS = Object.keys(NET_TITLES) as NetName[];

const ESTIMATE_TITLES: Readonly<Record<EstimateName, string>> = {
  weightMse: "weight error",
  outputMse: "error of the layer's output",
  fisher: "diagonal Fisher, gradients of the loss",
  modelFisher: "diagonal Fisher, targets of the model",
  gaussNewton: "full Gauss-Newton",
  hessian: "exact Hessian",
  taylor: "gradient and exact Hessian",
};

/** A group of claims: the first character of their ids, a heading, what was done, a figure, and further numbers. */
interface Section {
  readonly of: string;
  readonly heading: string;
  readonly text: string;
  readonly figure: readonly [path: string, caption: string];
  readonly more: (record: ToyRecord) => readonly string[];
}

const SECTIONS: readonly Section[] = [
  {
    of: "1",
    heading: "Observation 1: noise on the weights",
    text:
      "Noise is added to all weights, not to the biases, and the change of the output is measured on the training inputs: one draw of " +
      "the noise serves every sigma. Outputs of the two nets have different units, so that the raw comparison is shown beside two others.",
    figure: ["toy/perturbation.svg", "Change of the output under weight noise, mean over the seeds"],
    more: () => [],
  },
  {
    of: "2",
    heading: "Observation 2: the scale of the least weight error",
    text:
      "INT4 weights with codes -7 to 7, one scale a layer: shrink factors of max|W| / 7. Each layer is quantized by itself for the claims; the " +
      "figure has all layers with one factor. Ticks below the curves are their least values.",
    figure: ["toy/scales.svg", "Weight error and task loss over the INT4 scale, all layers with one factor"],
    more: (record) => [scaleTable(record)],
  },
  {
    of: "3",
    heading: "Observation 3: the form of the weights",
    text:
      "Excess kurtosis is 0 for a normal law and 3 for a Laplace law. Both regressors of a seed start from the same weights, drawn from a " +
      "normal law as the classifier's are.",
    figure: ["toy/weights.svg", "Histograms of the hidden layers' weights, mean over the seeds"],
    more: (record) => [weightTable(record)],
  },
  {
    of: "6",
    heading: "Fig. 6: which estimate follows the task",
    text:
      "For every INT4 scale of one layer, estimates of the harm are held against the increase of the task loss. The diagonal Fisher " +
      "information weighs squared changes of the layer's output by squared gradients of the loss there; drawn from the model instead of the " +
      "data, its targets make it the diagonal Gauss-Newton form. The Hessian's quadratic form is exact, by Hessian-vector products.",
    figure: ["toy/curvature.svg", "Estimates of the task loss over the INT4 scale"],
    more: (record) => [estimateTable(record)],
  },
  {
    of: "7",
    heading: "Eq. 9 and 10: logarithmic-affine weights",
    text:
      "psi(w) = k log2|w| + a with k and a by the side of 0, fitted by the weight error; its integers from 0 to 6 and a level for 0 make 15 levels, " +
      "as uniform INT4 has. Levels are the inverse of psi: the grid is that of the library's `logAffine` in mode `exact`, here with one pair a " +
      "side and layer. Uniform INT4 takes its scale by the weight error, too. Histograms and entropies have psi from 0 at the 5 % quantile of a " +
      "side's magnitudes to 6 at the largest.",
    figure: ["toy/logarithmic.svg", "Magnitudes before and after the transform, mean over the seeds"],
    more: (record) => [gridTable(record)],
  },
];

function toyText(record: ToyRecord): string {
  const { claims } = record;
  const open = claims.filter((c) => c.verdict !== "holds");
  const parts = [
    "# The toy study of Reg-PTQ, Section 3",
    "Written by `inlierq reproduce toy`; the same seeds give the same bytes. The paper leaves nets, data and training of its toy study to a " +
      "supplement that we do not have: those here are ours, and so the verdicts are about this setting.",
    setting(record),
    "## Verdicts",
    "A rule decides each claim. The rules were written before the first run, but for those of the later controls, which were added to explain its " +
      "numbers. A rule is checked for each seed, and a claim **holds** when at least four fifths of the seeds satisfy it, **does not hold** when at " +
      "most a fifth does, and is **mixed** otherwise. Claims are the paper's, in our words; controls are ours, and explain.",
    summary(claims),
    table(
      ["", "claim", "of", "mean ± deviation", "seeds", "verdict"],
      claims.map((c) => [c.id, c.claim, c.of, spreadText(c.mean, c.deviation), `${c.satisfied}/${c.values.length}`, `**${c.verdict}**`]),
    ),
    ...(open.length > 0 ? ["### What does not hold, or not always", open.map(openLine).join("\n")] : []),
    ...SECTIONS.flatMap((s) => section(s, record)),
  ];
  return `${parts.join("\n\n")}\n`;
}

function setting({ config, seeds }: ToyRecord): string {
  const { epochs, points, draws, sigmas, candidates } = config;
  const text =
    `Per seed: a regressor 1-16-16-16-1 with relu on ${points} even points of a quadratic drawn by the seed, once by squared and once by absolute ` +
    "error, and a classifier 4-16-16-16-3 on the 150 irises (Fisher 1936), standardised, by cross entropy; Kaiming-normal start, Adam at 0.01, " +
    `${epochs} full-batch steps, the best step kept. ${draws} draws of each noise for sigma ${sigmas[0]} to ${sigmas.at(-1)}; ${candidates} scales from ` +
    `0.2 to 1.2 of max|W| / 7. Seeds: ${config.seeds.join(", ")}.`;
  const rows = NETS.map((net) => [
    NET_TITLES[net],
    overSeeds(seeds, (s) => s.nets[net].loss),
    net === "classifier"
      ? `accuracy ${percent(mean(seeds.map((s) => s.nets[net].quality)))}`
      : `R² ${mean(seeds.map((s) => s.nets[net].quality)).toFixed(5)}`,
  ]);
  return `${text}\n\n${table(["net", "training loss", "on the training data"], rows)}`;
}

function summary(claims: readonly ClaimRecord[]): string {
  const line = (of: ClaimRecord["of"], what: string): string => {
    const among = claims.filter((c) => c.of === of);
    const count = (verdict: ClaimRecord["verdict"]): number => among.filter((c) => c.verdict === verdict).length;
    return `${what}: ${count("holds")} hold, ${count("mixed")} mixed, ${count("does not hold")} do not hold.`;
  };
  return [line("paper", "Of the paper's claims"), line("control", "Of the controls"), line("later control", "Of the later controls")].join(
    " ",
  );
}

const openLine = ({ id, verdict, rule, mean: value, deviation, note, values, satisfied }: ClaimRecord): string =>
  `- **${id}, ${verdict}.** Asked: ${rule}. Got ${spreadText(value, deviation)}, satisfied by ${satisfied} of ${values.length} seeds.${note === "" ? "" : ` ${note}`}`;

function section({ of, heading, text, figure: [path, caption], more }: Section, record: ToyRecord): string[] {
  const claims = record.claims.filter((c) => c.id.startsWith(of));
  const rows = claims.map((c) => [c.id, c.rule, c.values.map(number).join(", "), c.note]);
  return [`## ${heading}`, text, `![${caption}](${path})`, ...more(record), table(["", "rule", "by seed", "note"], rows)];
}

function scaleTable({ seeds }: ToyRecord): string {
  const row = (net: NetName): string[] => [
    NET_TITLES[net],
    overSeeds(seeds, (s) => mean(s.sweep[net].layers.map((l) => l.weight))),
    overSeeds(seeds, (s) => mean(s.sweep[net].layers.map((l) => l.task))),
    overSeeds(seeds, (s) => mean(s.sweep[net].layers.map((l) => l.gap))),
    overSeeds(seeds, (s) => s.sweep[net].joint.gap),
    overSeeds(seeds, (s) => mean(s.sweep[net].layers.map((l) => l.regret))),
  ];
  return table(
    ["net", "factor of least weight error", "of least task loss", "distance", "distance, all layers together", "cost"],
    NETS.map(row),
  );
}

function weightTable({ seeds }: ToyRecord): string {
  const row = (net: NetName): string[] => [
    NET_TITLES[net],
    ...[0, 1, 2, 3].map((layer) => overSeeds(seeds, (s) => s.weights[net].kurtosis[layer])),
    overSeeds(seeds, (s) => s.weights[net].hiddenKurtosis),
    overSeeds(seeds, (s) => s.weights[net].startKurtosis),
    overSeeds(seeds, (s) => s.weights[net].trimmedKurtosis),
    overSeeds(seeds, (s) => s.weights[net].largest),
    overSeeds(seeds, (s) => s.weights[net].hiddenEntropy),
  ];
  const head = [
    "excess kurtosis",
    "layer 1",
    "layer 2",
    "layer 3",
    "layer 4",
    "hidden (2, 3)",
    "at the start",
    "without the 5 largest",
    "largest / rms",
    "entropy, bits",
  ];
  return table(head, NETS.map(row));
}

function estimateTable({ seeds }: ToyRecord): string {
  const cells = (name: EstimateName): string[] =>
    (["regressor", "classifier"] as const).flatMap((net) => [
      overSeeds(seeds, (s) => s.curvature[net].correlation[name]),
      overSeeds(seeds, (s) => s.curvature[net].gap[name]),
    ]);
  const head = ["estimate", "regressor: rank correlation", "distance of argmins", "classifier: rank correlation", "distance of argmins"];
  return table(
    head,
    (Object.keys(ESTIMATE_TITLES) as EstimateName[]).map((name) => [ESTIMATE_TITLES[name], ...cells(name)]),
  );
}

function gridTable({ seeds }: ToyRecord): string {
  const row = (net: NetName): string[] => {
    const of = (pick: (r: ToySeed["logAffine"][NetName]) => number): string => overSeeds(seeds, (s) => pick(s.logAffine[net]));
    return [
      NET_TITLES[net],
      ...[
        of((r) => r.uniformError),
        of((r) => r.logError),
        of((r) => r.uniformTask),
        of((r) => r.logTask),
        of((r) => r.entropy),
        of((r) => r.logEntropy),
        of((r) => r.startEntropy),
        of((r) => r.startLogEntropy),
      ],
    ];
  };
  const head = [
    "net",
    "weight error, uniform",
    "logarithmic",
    "task loss added, uniform",
    "logarithmic",
    "entropy before psi, bits",
    "after",
    "untrained: before psi",
    "after",
  ];
  return table(head, NETS.map(row));
}

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

function overSeeds(seeds: readonly ToySeed[], of: (seed: ToySeed) => number): string {
  const values = seeds.map(of);
  const center = mean(values);
  const squares = values.map((v) => (v - center) * (v - center)).reduce((a, b) => a + b, 0);
  return spreadText(center, values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)));
}

/** Mean and deviation over the seeds, three digits each. */
const spreadText = (center: number, deviation: number): string => `${Number(center.toPrecision(3))} ± ${Number(deviation.toPrecision(2))}`;
