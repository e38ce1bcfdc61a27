export { type DetectionPicture, type DrawnBox, drawDetections } from "./detectionPicture.ts";
export { drawMixture } from "./mixtureFigure.ts";
export { makeReport } from "./report.ts";
export { bySqnr, type ReportFigures, rangeText, reportText } from "./reportText.ts";
export { dataUri, escapeXml } from "./xml.ts";
