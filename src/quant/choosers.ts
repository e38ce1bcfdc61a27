import type { Separation, Separator } from "../em/index.ts";
import { Rng, Tensor } from "../tensor/index.ts";
import { inlierMask, inlierPosterior } from "./inlier.ts";

/** One tensor of one sample, of which volumes are to be chosen. */
export interface ChoiceOf {
  /** Saliency of its volumes (InlierQ eq. 9), [N,h,w] or any. */
  readonly saliency: Tensor;
  /** How saliencies of this tensor fall into inliers and anomalies. */
  readonly separation: Separation;
  /** L1 norm of each volume's values, shaped like `saliency`; undefined unless the chooser `looksAtValues`. */
  readonly magnitudes: Tensor | undefined;
  /** Chance of this tensor and sample alone. */
  readonly rng: () => Rng;
}

/** Chosen volumes, both shaped like the saliency. */
export interface Chosen {
  /** u8: 1 where a volume counts for the range of the tensor. */
  readonly range: Tensor;
  /** u8 or f32 in [0, 1]: how much an error of a volume counts as one of an inlier. */
  readonly weights: Tensor;
}

/** Which volumes of a tensor count, and how much: what becomes of the split that a separator found. */
export interface Chooser {
  /** As options and records write it. */
  readonly name: string;
  /** Whether it asks for magnitudes. */
  readonly looksAtValues: boolean;
  /** Chooses among the volumes of one tensor of one sample. */
  choose(of: ChoiceOf): Chosen;
}

/** How volumes are told apart and which of them count. */
export interface Choice {
  /** What tells inliers from anomalies. */
  readonly separator: Separator;
  /** Which volumes count then. */
  readonly chooser: Chooser;
  /** Scores a fit sees at most, over all samples. */
  readonly maxScores: number;
}

/** The volumes that are inliers. Source: InlierQ eq. 11. */
export const inliers: Chooser = {
  name: "inliers",
  looksAtValues: false,
  choose: ({ saliency, separation }) => hard(inlierMask(saliency, separation)),
};

/**
 * The complement of `inliers`: the anomaly set of InlierQ Table 2. Where a rule made every score an inlier there is no
 * second set, and all volumes count.
 */
export const anomalies: Chooser = {
  name: "anomalies",
  looksAtValues: false,
  choose({ saliency, separation }) {
    if (separation.inlierShare === 1) return hard(everything(saliency));
    const { shape, data } = inlierMask(saliency, separation);
    return hard(new Tensor(shape, "u8", (data as Uint8Array).map(negated)));
  },
};

/** Volumes drawn by chance, as many of each map as there are inliers in it: a control that knows nothing. */
export const random: Chooser = {
  name: "random",
  looksAtValues: false,
  choose({ saliency, separation, rng }) {
    const { shape, size } = saliency;
    return hard(new Tensor(shape, "u8", drawn(size, membersOf(inlierMask(saliency, separation)), rng())));
  },
};

/** The volumes of the largest L1 norm, as many of each map as there are inliers in it: a control without gradients. Ties: the lower index. */
export const magnitude: Chooser = {
  name: "magnitude",
  looksAtValues: true,
  choose({ saliency, separation, magnitudes }) {
    const count = membersOf(inlierMask(saliency, separation));
    const norms = (magnitudes as Tensor).data as Float32Array;
    const order = Uint32Array.from({ length: saliency.size }, (_, i) => i).sort((a, b) => norms[b] - norms[a] || a - b);
    const mask = new Uint8Array(saliency.size);
    for (const i of order.subarray(0, count)) mask[i] = 1;
    return hard(new Tensor(saliency.shape, "u8", mask));
  },
};

/** All volumes make the range, and errors count with P(inlier | saliency) (InlierQ eq. 10): eq. 11 without its threshold. */
export const soft: Chooser = {
  name: "soft",
  looksAtValues: false,
  choose({ saliency, separation }) {
    const { shape, data } = inlierPosterior(saliency, separation);
    return { range: everything(saliency), weights: new Tensor(shape, "f32", Float32Array.from(data as Float64Array)) };
  },
};

/** All volumes alike: gradients weigh errors, nothing is selected. */
export const all: Chooser = { name: "all", looksAtValues: false, choose: ({ saliency }) => hard(everything(saliency)) };

/** The choosers by the names that options give them, the default first. */
export const choosers = { inliers, random, magnitude, soft, all, anomalies } as const;

/** Chance of one tensor of one sample: whoever chooses there draws the same. */
export const choiceRng = (seed: number, tensor: string, sample: number) => (): Rng => new Rng(seed).split(`choose/${tensor}/${sample}`);

const hard = (mask: Tensor): Chosen => ({ range: mask, weights: mask });

const everything = ({ shape, size }: Tensor): Tensor => new Tensor(shape, "u8", new Uint8Array(size).fill(1));

const negated = (mark: number): number => 1 - mark;

const membersOf = ({ data }: Tensor): number => (data as Uint8Array).reduce((sum, mark) => sum + mark, 0);

/** A mask of `count` of `size` members, each such mask as likely (Floyd's draw, of the smaller side). */
function drawn(size: number, count: number, rng: Rng): Uint8Array {
  const rare = 2 * count <= size ? 1 : 0;
  const draws = rare === 1 ? count : size - count;
  const mask = new Uint8Array(size).fill(1 - rare);
  for (let last = size - draws; last < size; last++) {
    const at = rng.int(0, last);
    mask[mask[at] === rare ? last : at] = rare;
  }
  return mask;
}
