/** Records as Markdown and SVG: plain strings. */

export { type ComparisonPicture, drawComparison } from "./comparisonPicture.ts";
export { countText, differenceCells, makeComparison, signed } from "./comparisonReport.ts";
export { controlVerdicts, makeControls } from "./controlsReport.ts";
export { decibels, decibelText, worstFirst } from "./decibels.ts";
export { type DetectionPicture, type DrawnBox, drawDetections } from "./detectionPicture.ts";
export { drawMixture } from "./mixtureFigure.ts";
export { makeReport } from "./report.ts";
export { bySqnr, type ReportFigures, rangeText, reportText } from "./reportText.ts";
export { drawSensitivity, isLifted } from "./sensitivityFigure.ts";
export { makeSensitivity } from "./sensitivityReport.ts";
export { drawSqnr } from "./sqnrFigure.ts";
export { makeSweep, SWEEP_HEAD, sweepCells } from "./sweepReport.ts";
export { TOY_FILES } from "./toyFigures.ts";
export { makeToyReport } from "./toyReport.ts";
export { dataUri, escapeXml } from "./xml.ts";
