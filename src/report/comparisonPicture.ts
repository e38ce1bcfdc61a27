import type { PictureDifference } from "../quant/index.ts";
import { shownName } from "../shown.ts";
import type { DrawnBox } from "./detectionPicture.ts";
import { coordinate, escapeXml } from "./xml.ts";

/** One picture with what two models found on it. */
export interface ComparisonPicture {
  /** Size of the picture in pixels; `href` may point at a smaller copy. */
  readonly width: number;
  /** In pixels, like the width. */
  readonly height: number;
  /** The pixels, usually as a data URI. */
  readonly href: string;
  /** Which detections are kept, lost and new. */
  readonly difference: PictureDifference;
}

type Fate = "kept" | "lost" | "new";

/** Colours that stay apart in every kind of colour blindness (Okabe and Ito), and strokes that tell them apart without any. */
const STYLES: Readonly<Record<Fate, { readonly color: string; readonly text: string; readonly dash: string }>> = {
  kept: { color: "#0072b2", text: "#fff", dash: "" },
  lost: { color: "#d55e00", text: "#fff", dash: "9 4" },
  new: { color: "#f0e442", text: "#222", dash: "3 3" },
};

/** Characters of a class name that is drawn. */
const LONGEST_LABEL = 60;
const PANEL = 480;
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
      ...drawBoxes(boxes, PANEL / width, panelHeight),
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
    `<title>${escapeXml(shownName(name))}</title>`,
    "<style>text{font:11px sans-serif;fill:#222}.title{font:bold 13px sans-serif}.label{font-size:10px}</style>",
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
  return `${shape} stroke="#000" stroke-opacity="0.5" stroke-width="3.5"/>${shape} stroke="${color}" stroke-width="2.5"${line}/>`;
}

/** All boxes, then all labels, so that no line crosses a label; changes and strong detections choose their places first. */
function drawBoxes(boxes: readonly FatedBox[], scale: number, panelHeight: number): string[] {
  const change = ({ fate }: FatedBox): number => (fate === "kept" ? 0 : 1);
  const order = [...boxes].sort((a, b) => change(b) - change(a) || b.score - a.score);
  const placed: Label[] = [];
  for (const box of order) placed.push(placeLabel(box, scale, panelHeight, placed));
  const corners = order.map(({ box }) => box.map((v) => v * scale));
  const shapes = corners.map(([x1, y1, x2, y2], i) => rectangle(STYLES[order[i].fate], x1, y1, x2 - x1, y2 - y1));
  return [...shapes.reverse(), ...placed.map(drawLabel).reverse()];
}

interface Label {
  readonly text: string;
  readonly fate: Fate;
  readonly left: number;
  readonly top: number;
  readonly width: number;
}

const LABEL = 14;

/** The first of several places at the box's edge that is free, else the first. */
function placeLabel({ box, label, score, fate }: FatedBox, scale: number, panelHeight: number, placed: readonly Label[]): Label {
  const [x1, y1, x2, y2] = box.map((v) => v * scale);
  const text = `${shownName(label, LONGEST_LABEL)} ${score.toFixed(2)}`;
  const width = 5.6 * text.length + 8;
  const at = (x: number, y: number): Label => ({
    text,
    fate,
    width,
    left: Math.max(0, Math.min(x, PANEL - width)),
    top: Math.max(0, Math.min(y, panelHeight - LABEL)),
  });
  const [above, below, inside] = [y1 - LABEL - 1, y2 + 1, y1 + 1];
  const right = x2 - width + 1;
  const corners = [at(x1 - 1, above), at(right, above), at(x1 - 1, below), at(right, below)];
  const middle = (y1 + y2 - LABEL) / 2;
  const places = [...corners, at(x1 + 1, inside), at(x1 + 1, y2 - LABEL - 1), at(x1 - 1, middle), at(right, middle)];
  const free = (l: Label): boolean =>
    placed.every((p) => l.left >= p.left + p.width || p.left >= l.left + l.width || Math.abs(l.top - p.top) >= LABEL);
  return places.find(free) ?? places[0];
}

function drawLabel({ text, fate, left, top, width }: Label): string {
  const { color, text: ink } = STYLES[fate];
  return [
    `<rect x="${coordinate(left)}" y="${coordinate(top)}" width="${coordinate(width)}" height="${LABEL}" fill="${color}"/>`,
    `<text x="${coordinate(left + 4)}" y="${coordinate(top + 11)}" class="label" style="fill:${ink}">${escapeXml(text)}</text>`,
  ].join("");
}
