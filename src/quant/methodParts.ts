import type { Method } from "./method.ts";

/** What a method needs of a network beside its tensors. */
export type Need = "scores" | "boxes" | "blocks" | "normalisations";

/**
 * What a method needs, as its parts say: class scores of a detector card, boxes where the card has any (without, it goes by
 * scores alone), blocks in the graph, and batch normalisations whose statistics are known.
 */
export function needsOf({ selection, reconstruction }: Method): Need[] {
  const stages = reconstruction?.stages ?? [];
  const scores = selection !== undefined || stages.some((s) => s.global?.objective.detections || s.objective.weighing?.evidence.detections);
  const needs: readonly (readonly [Need, boolean])[] = [
    ["scores", scores],
    ["boxes", stages.some((s) => s.global?.objective.boxes === true)],
    ["blocks", reconstruction?.unit === "block"],
    ["normalisations", stages.some((s) => s.correction)],
  ];
  return needs.filter(([, wanted]) => wanted).map(([need]) => need);
}

/**
 * Whether any part of a method is handed the seed: samples of scores, rows for refinement, descents, or an activation
 * observer that declares it. A method without such a part gives the same result for every seed on the same samples.
 */
export const isSeeded = ({ selection, refinement, reconstruction, activationObserver }: Method): boolean =>
  selection !== undefined || refinement !== undefined || reconstruction !== undefined || activationObserver.length > 1;
