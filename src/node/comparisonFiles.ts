import type { Sample } from "../job/index.ts";
import type { ComparisonRecord } from "../quant/index.ts";
import { makeComparison } from "../report/index.ts";
import { shownJson } from "../shown.ts";
import { encodedPicture } from "./resultFiles.ts";

/** Pictures a report of a comparison shows at most. */
const SHOWN = 8;

/** Everything a finished comparison leaves behind: compare.json, compare.md and its pictures, by path below the output folder. */
export function comparisonFiles(record: ComparisonRecord, samples: readonly Sample[]): Map<string, string> {
  const rows = record.detections.pictures.flatMap((difference, i) => {
    const { picture } = samples[i];
    return picture ? [{ difference, picture }] : [];
  });
  const changed = ({ difference: { lost, new: added } }: (typeof rows)[number]): number => lost.length + added.length;
  const shown = [...rows].sort((a, b) => changed(b) - changed(a) || b.difference.kept.length - a.difference.kept.length).slice(0, SHOWN);
  const pictures = shown.map(({ difference, picture }) => {
    const { width, height } = picture;
    return { width, height, href: encodedPicture(picture), difference };
  });
  return new Map([["compare.json", `${shownJson(record, 2)}\n`], ...makeComparison(record, pictures)]);
}
