import type { Detector } from "../../detect/index.ts";
import type { QuantizeConfig } from "../../job/index.ts";

/** One way to quantize, all else equal. */
export interface Arm {
  /** As the record writes it. */
  readonly name: string;
  /** What is different, in words. */
  readonly about: string;
  /** What it adds to the configuration. */
  readonly config: Pick<QuantizeConfig, "method" | "inlierq">;
}

/** The method as published, and the mask that knows nothing: the comparison that decides. */
export const SELECTION = "inliers";
/** See `SELECTION`. */
export const CHANCE = "random";

const inlierq = (name: string, about: string, options: NonNullable<QuantizeConfig["inlierq"]>): Arm => ({
  name,
  about,
  config: { method: "inlierq", inlierq: options },
});

/** InlierQ, the controls that its paper leaves out, and plain min-max. */
export const ARMS: readonly Arm[] = [
  inlierq(SELECTION, "InlierQ: volumes with P(inlier) of at least 0.5", {}),
  inlierq(CHANCE, "as many volumes of each map, drawn by chance", { selection: "random" }),
  inlierq("magnitude", "as many volumes of each map, those of the largest L1 norm", { selection: "magnitude" }),
  inlierq("soft", "all volumes, errors weighed with P(inlier)", { selection: "soft" }),
  inlierq("all", "all volumes alike: only gradients weigh errors", { selection: "all" }),
  inlierq("anomalies", "the complement of the inliers", { selection: "anomalies" }),
  inlierq("tau auto", "tau chosen by the output SQNR on held-out samples", { tau: "auto" }),
  inlierq("literal posterior", "without the monotone guard", { monotone: false }),
  inlierq("k-means", "2-means instead of the mixture", { separator: "kmeans" }),
  inlierq("SVM", "a linear SVM instead of the mixture", { separator: "svm" }),
  inlierq("joint top-K", "the K best entries over all classes", { topKMode: "joint" }),
  inlierq("peaks", "the K best among 3 x 3 peaks", { peaks: true }),
  inlierq("minimum score", "entries of at least 0.05", { minScore: 0.05 }),
  inlierq("expected Fisher", "targets of the saliency loss drawn from the model", { fisherTargets: "expected" }),
  { name: "min-max", about: "no selection, no gradients, no refinement", config: { method: "minmax" } },
];

/** The arms that a detector can take: peaks need maps. */
export const armsFor = ({ maps }: Detector): readonly Arm[] => ARMS.filter((arm) => maps || arm.config.inlierq?.peaks !== true);
