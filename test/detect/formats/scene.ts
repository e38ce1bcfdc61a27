import { expect } from "vitest";
import { type Card, type CardDetector, detectorFrom, type Heads, type Prediction } from "../../../src/detect/index.ts";

/** A network that answers with fixed outputs. */
export const fixed = (heads: Heads, card: Card): CardDetector => detectorFrom({ forward: () => heads }, card);

/** The detections of the first image. */
export const decode = (heads: Heads, card: Card): Prediction[] => fixed(heads, card).decode(heads)[0];

export function expectBox(p: Prediction, box: readonly number[], score: number, label: number): void {
  box.forEach((v, i) => expect(p.box[i]).toBeCloseTo(v, 4));
  expect(p.score).toBeCloseTo(score, 6);
  expect(p.label).toBe(label);
}
