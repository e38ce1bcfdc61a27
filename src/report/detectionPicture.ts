import { shownName } from "../shown.ts";
import { coordinate, escapeXml } from "./xml.ts";

/** A box to draw: x1, y1, x2, y2 in pixels of the picture, a label and a score in [0, 1]. */
export interface DrawnBox {
  readonly box: readonly [number, number, number, number];
  readonly label: string;
  readonly score: number;
}

/** One picture with what was found on it before and after quantization. */
export interface DetectionPicture {
  /** Title of the picture. */
  readonly name: string;
  /** Size of the picture in pixels; `href` may point at a smaller copy. */
  readonly width: number;
  /** In pixels, like the width. */
  readonly height: number;
  /** The pixels, usually as a data URI. */
  readonly href: string;
  readonly before: readonly DrawnBox[];
  readonly after: readonly DrawnBox[];
}

/** Characters of a class name that is drawn. */
const LONGEST_LABEL = 60;
const PANEL = 360;
const GAP = 12;
const HEADER = 22;
const PALETTE = ["#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#808000", "#000075", "#e119d2"];

/** Two panels side by side, float left and quantized right, with boxes, labels and scores; a standalone SVG. */
export function drawDetections({ name, width, height, href, before, after }: DetectionPicture, titles = ["float", "quantized"]): string {
  const scale = PANEL / width;
  const panelHeight = height * scale;
  const colors = colorsOf([...before, ...after]);
  const panel = (boxes: readonly DrawnBox[], title: string, left: number): string =>
    [
      `<g transform="translate(${left} 0)">`,
      `<text x="0" y="15" class="title">${escapeXml(title)}: ${boxes.length}</text>`,
      `<g transform="translate(0 ${HEADER})"><use href="#photo"/>`,
      ...weakestFirst(boxes).map((b) => drawBox(b, scale, colors.get(b.label) ?? PALETTE[0])),
      "</g></g>",
    ].join("\n");
  const total = [2 * PANEL + GAP, panelHeight + HEADER].map(coordinate);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total[0]} ${total[1]}" width="${total[0]}" height="${total[1]}">`,
    `<title>${escapeXml(shownName(name))}</title>`,
    "<style>text{font:11px sans-serif;fill:#fff}.title{font:bold 13px sans-serif;fill:#222}</style>",
    `<rect width="${total[0]}" height="${total[1]}" fill="#fff"/>`,
    `<defs><image id="photo" width="${PANEL}" height="${coordinate(panelHeight)}" preserveAspectRatio="none" href="${escapeXml(href)}"/></defs>`,
    panel(before, titles[0], 0),
    panel(after, titles[1], PANEL + GAP),
    "</svg>",
    "",
  ].join("\n");
}

/** In order of drawing: where boxes overlap, the strongest one is on top and its label can be read. */
const weakestFirst = (boxes: readonly DrawnBox[]): DrawnBox[] => [...boxes].sort((a, b) => a.score - b.score);

/** A colour for each label in the order they first occur. */
function colorsOf(boxes: readonly DrawnBox[]): Map<string, string> {
  const colors = new Map<string, string>();
  for (const { label } of boxes) if (!colors.has(label)) colors.set(label, PALETTE[colors.size % PALETTE.length]);
  return colors;
}

function drawBox({ box, label, score }: DrawnBox, scale: number, color: string): string {
  const [x1, y1, x2, y2] = box.map((v) => v * scale);
  const text = `${shownName(label, LONGEST_LABEL)} ${score.toFixed(2)}`;
  const textWidth = 6 * text.length + 6;
  const top = Math.max(0, y1 - 14);
  return [
    `<rect x="${coordinate(x1)}" y="${coordinate(y1)}" width="${coordinate(x2 - x1)}" height="${coordinate(y2 - y1)}" fill="none" stroke="${color}" stroke-width="2"/>`,
    `<rect x="${coordinate(x1)}" y="${coordinate(top)}" width="${coordinate(textWidth)}" height="14" fill="${color}"/>`,
    `<text x="${coordinate(x1 + 3)}" y="${coordinate(top + 11)}">${escapeXml(text)}</text>`,
  ].join("");
}
