import type { PictureDifference } from "../quant/index.ts";
import type { DrawnBox } from "./detectionPicture.ts";
import { coordinate, escapeXml } from "./xml.ts";

/** One picture with what two models found on it. */
export interface ComparisonPicture {
  /** Size of the picture in pixels; `href` may point at a smaller copy. */
  readonly width: number;
  readonly height: number;
  /** The pixels, usually as a data URI. */
  readonly href: string;
  readonly difference: PictureDifference;
}

type Fate = "kept" | "lost" | "new";

/** Colours that stay apart in every kind of colour blindness (Okabe and Ito), and strokes that tell them apart without any. */
const STYLES: Readonly<Record<Fate, { readonly color: string; readonly text: string; readonly dash: string }>> = {
  kept: { color: "#0072b2", text: "#fff", dash: "" },
  lost: { color: "#d55e00", text: "#fff", dash: "7 4" },
  new: { color: "#f0e442", text: "#222", dash: "2 3" },
};

const PANEL = 360;
const GAP = 12;
const HEADER = 46;

/** Two panels side by side, the first model's detections left, the second one's right: kept, lost and new ones in their own colours; a standalone SVG. */
export function drawComparison({ width, height, href, difference }: ComparisonPicture, titles: readonly [string, string]): string {
  const { name, kept, lost } = difference;
  const panelHeight = (height * PANEL) / width;
  const panel = (boxes: readonly FatedBox[], title: string, left: number): string =>
    [
      `<g transform="translate(${left} 0)">`,
      `<text x="0" y="15" class="title">${escapeXml(`${shortened(title)}: ${boxes.length}`)}</text>`,
      `<svg y="${HEADER}" width="${PANEL}" height="${coordinate(panelHeight)}"><use href="#photo"/>`,
      ...[...boxes].sort((a, b) => a.score - b.score).map((b) => drawBox(b, PANEL / width, panelHeight)),
      "</svg></g>",
    ].join("\n");
  const [before, after] = [
    [...withFate(kept, "kept"), ...withFate(lost, "lost")],
    [
      ...kept.map((k): FatedBox => ({ label: k.label, box: k.otherBox, score: k.otherScore, fate: "kept" })),
      ...withFate(difference.new, "new"),
    ],
  ];
  const total = [2 * PANEL + GAP, panelHeight + HEADER].map(coordinate);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total[0]} ${total[1]}" width="${total[0]}" height="${total[1]}">`,
    `<title>${escapeXml(name)}</title>`,
    "<style>text{font:11px sans-serif;fill:#222}.title{font:bold 13px sans-serif}</style>",
    `<rect width="${total[0]}" height="${total[1]}" fill="#fff"/>`,
    `<defs><image id="photo" width="${PANEL}" height="${coordinate(panelHeight)}" preserveAspectRatio="none" href="${escapeXml(href)}"/></defs>`,
    legend({ kept: kept.length, lost: lost.length, new: difference.new.length }),
    panel(before, titles[0], 0),
    panel(after, titles[1], PANEL + GAP),
    "</svg>",
    "",
  ].join("\n");
}

interface FatedBox extends DrawnBox {
  readonly fate: Fate;
}

const withFate = (boxes: PictureDifference["lost"], fate: Fate): FatedBox[] => boxes.map((b) => ({ ...b, fate }));

const LONGEST_TITLE = 42;
const shortened = (title: string): string => (title.length > LONGEST_TITLE ? `${title.slice(0, LONGEST_TITLE - 1)}…` : title);

/** Kept, lost and new with their numbers, below the titles. */
function legend(counts: Readonly<Record<Fate, number>>): string {
  const fates = Object.keys(STYLES) as Fate[];
  return fates
    .map((fate, i) => {
      const x = i * 90;
      return `${rectangle(STYLES[fate], x + 1.5, 24.5, 22, 12)}<text x="${x + 30}" y="34">${fate} ${counts[fate]}</text>`;
    })
    .join("\n");
}

/** A box with a dark line below the coloured one, so that it shows on any picture. */
function rectangle({ color, dash }: { color: string; dash: string }, x: number, y: number, width: number, height: number): string {
  const shape = `<rect x="${coordinate(x)}" y="${coordinate(y)}" width="${coordinate(width)}" height="${coordinate(height)}" fill="none"`;
  const line = dash === "" ? "" : ` stroke-dasharray="${dash}"`;
  return `${shape} stroke="#000" stroke-opacity="0.55" stroke-width="4"/>${shape} stroke="${color}" stroke-width="2"${line}/>`;
}

function drawBox({ box, label, score, fate }: FatedBox, scale: number, panelHeight: number): string {
  const style = STYLES[fate];
  const [x1, y1, x2, y2] = box.map((v) => v * scale);
  const text = `${label} ${score.toFixed(2)}`;
  const textWidth = 6 * text.length + 6;
  const left = Math.max(0, Math.min(x1 - 1, PANEL - textWidth));
  const top = Math.max(0, Math.min(y1 - 15, panelHeight - 14));
  return [
    rectangle(style, x1, y1, x2 - x1, y2 - y1),
    `<rect x="${coordinate(left)}" y="${coordinate(top)}" width="${coordinate(textWidth)}" height="14" fill="${style.color}"/>`,
    `<text x="${coordinate(left + 3)}" y="${coordinate(top + 11)}" style="fill:${style.text}">${escapeXml(text)}</text>`,
  ].join("");
}
