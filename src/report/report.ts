import type { CalibrationRecord } from "../quant/index.ts";
import { type DetectionPicture, drawDetections } from "./detectionPicture.ts";
import { picturePath } from "./fileName.ts";
import { drawMixture } from "./mixtureFigure.ts";
import { bySqnr, reportText } from "./reportText.ts";

/** How many mixture figures a report has at most. */
const MIXTURES = 4;

/**
 * A whole report: report.md, a picture of the detections for each entry of `pictures`, and the mixtures of the sites
 * with the lowest SQNR. Files by path below the output folder; the same record and pictures give the same text.
 */
export function makeReport(record: CalibrationRecord, pictures: readonly DetectionPicture[]): Map<string, string> {
  const files = new Map<string, string>();
  const detections = pictures.map((picture, i) => {
    const path = picturePath(i, picture.name);
    files.set(path, drawDetections(picture, ["float", record.scheme]));
    return { path, name: picture.name };
  });
  const mixtures: { path: string; tensor: string }[] = [];
  for (const site of bySqnr(record.sites)) {
    const figure = mixtures.length < MIXTURES ? drawMixture(site) : undefined;
    if (figure === undefined) continue;
    const path = `pictures/mixture-${String(mixtures.length + 1).padStart(2, "0")}.svg`;
    files.set(path, figure);
    mixtures.push({ path, tensor: site.tensor });
  }
  return new Map([["report.md", reportText(record, { detections, mixtures })], ...files]);
}
