import { ArgumentError } from "../../errors.ts";
import { type Stage, type StepOptions, Steps } from "../../quant/index.ts";
import { Rng } from "../../tensor/index.ts";
import { VERSION } from "../../version.ts";
import { CLAIMS } from "./claims.ts";
import { compareCurvature } from "./curvature.ts";
import { judge } from "./judge.ts";
import { compareGrids } from "./logAffine.ts";
import { rounded } from "./measures.ts";
import { irisTask, type Net, type Quadratic, quadraticOf, quadraticTask, REST, recordNet, train } from "./nets.ts";
import { perturb } from "./perturbation.ts";
import { NETS, type NetName, type NetRecord, TOY_VERSION, type ToyConfig, type ToyRecord, type ToySeed } from "./record.ts";
import { factorsOf, sweepScales } from "./scaleSweep.ts";
import { describeWeights } from "./weights.ts";

/** The study as published in docs/toy.md. */
export const TOY_CONFIG: ToyConfig = {
  seeds: [0, 1, 2, 3, 4],
  epochs: 2000,
  points: 512,
  draws: 500,
  sigmas: [0, 0.1, 0.2, 0.3, 0.4, 0.5],
  candidates: 100,
};

/** The nets the paper compares. The second derivative of an absolute error would say nothing. */
const PAIR = ["regressor", "classifier"] as const;

/** Parts of a seed's work, with the relative work of a step. */
const stages = ({ seeds, epochs, sigmas, draws, candidates }: ToyConfig): Stage[] => [
  { name: "train", steps: seeds.length * NETS.length * Math.floor(epochs / REST), work: REST },
  { name: "perturb", steps: seeds.length * PAIR.length, work: 2.5 * draws * sigmas.length },
  { name: "sweep", steps: seeds.length * NETS.length, work: 10 * candidates },
  { name: "curvature", steps: seeds.length * PAIR.length, work: 80 * candidates },
];

/**
 * The toy study of Reg-PTQ Sec. 3: a regressor and a classifier of four layers, what weight noise and INT4 do to them, and
 * a verdict on each claim by a rule written down before the first run, but for the later controls, added to explain its numbers.
 * The same configuration gives the same record.
 *
 * Unstated: nets, data and training of the paper's study; those here are ours.
 *
 * Errors: ArgumentError for a configuration that measures nothing; AbortError when the signal fires.
 */
export async function runToy(config: ToyConfig = TOY_CONFIG, options: StepOptions = {}): Promise<ToyRecord> {
  check(config);
  const steps = new Steps(stages(config), options);
  const step = counting(steps);
  const studies: Study[] = [];
  for (const seed of config.seeds) studies.push(await learn(seed, config, () => step("train")));
  const perturbation = await each(
    studies,
    (net, rng) => perturb(net, config, rng.split("noise")),
    () => step("perturb"),
    PAIR,
  );
  const sweep = await each(
    studies,
    (net) => sweepScales(net, config.candidates),
    () => step("sweep"),
  );
  const curvature = await each(
    studies,
    (net) => compareCurvature(net, config.candidates),
    () => step("curvature"),
    PAIR,
  );
  const seeds = studies.map(
    ({ seed, quadratic, nets }, i): ToySeed => ({
      seed,
      quadratic,
      nets: ofNets((name) => roundedNet(recordNet(nets[name]))),
      perturbation: perturbation[i],
      sweep: sweep[i],
      weights: ofNets((name) => describeWeights(nets[name])),
      curvature: curvature[i],
      logAffine: ofNets((name) => compareGrids(nets[name], config.candidates)),
    }),
  );
  return {
    version: TOY_VERSION,
    experiment: "toy",
    package: VERSION,
    config,
    factors: factorsOf(config.candidates),
    seeds,
    claims: CLAIMS.map((claim) => judge(claim, seeds)),
  };
}

function check({ seeds, epochs, points, draws, sigmas, candidates }: ToyConfig): void {
  const least = { epochs: 1, points: 2, draws: 1, candidates: 3 } as const;
  for (const [name, value] of Object.entries({ epochs, points, draws, candidates })) {
    const limit = least[name as keyof typeof least];
    if (!Number.isInteger(value) || value < limit)
      throw new ArgumentError("runToy", `${name} must be a whole number of at least ${limit}, got ${value}`);
  }
  if (seeds.length === 0 || new Set(seeds).size < seeds.length)
    throw new ArgumentError("runToy", `seeds must be distinct and at least one, got [${seeds.join(", ")}]`);
  const ascends = sigmas.every((s, i) => s >= 0 && (i === 0 || s > sigmas[i - 1]));
  if (!(sigmas.at(-1) ?? 0) || !ascends)
    throw new ArgumentError("runToy", `sigmas must ascend from at least 0 to above 0, got [${sigmas.join(", ")}]`);
}

interface Study {
  readonly seed: number;
  readonly rng: Rng;
  readonly quadratic: Quadratic;
  readonly nets: Readonly<Record<NetName, Net>>;
}

/** Counts the steps of each stage. */
function counting(steps: Steps): (stage: string) => Promise<void> {
  const done = new Map<string, number>();
  return (stage) => {
    const now = (done.get(stage) ?? 0) + 1;
    done.set(stage, now);
    return steps.after(stage, now);
  };
}

async function learn(seed: number, { points, epochs }: ToyConfig, rest: () => Promise<void>): Promise<Study> {
  const rng = new Rng(`toy/${seed}`);
  const quadratic = quadraticOf(rng.split("quadratic"));
  const tasks = [quadraticTask("regressor", quadratic, points), quadraticTask("regressorL1", quadratic, points), irisTask()];
  const nets: [NetName, Net][] = [];
  // Both regressors start from the same weights: what differs between them is their loss.
  for (const task of tasks)
    nets.push([task.name, await train(task, rng.split(task.classifies ? "classifier" : "regressor"), epochs, rest)]);
  return { seed, rng, quadratic, nets: Object.fromEntries(nets) as Record<NetName, Net> };
}

const ofNets = <T>(of: (name: NetName) => T): Record<NetName, T> =>
  Object.fromEntries(NETS.map((name) => [name, of(name)])) as Record<NetName, T>;

/** A measurement of every net of every study, with a rest after each. */
async function each<T, N extends NetName = NetName>(
  studies: readonly Study[],
  measure: (net: Net, rng: Rng) => T,
  rest: () => Promise<void>,
  names: readonly N[] = NETS as readonly NetName[] as readonly N[],
): Promise<Record<N, T>[]> {
  const found: Record<N, T>[] = [];
  for (const { nets, rng } of studies) {
    const row: [N, T][] = [];
    for (const name of names) {
      row.push([name, measure(nets[name], rng.split(name))]);
      await rest();
    }
    found.push(Object.fromEntries(row) as Record<N, T>);
  }
  return found;
}

const roundedNet = ({ loss, quality }: NetRecord): NetRecord => ({ loss: rounded(loss), quality: rounded(quality) });
