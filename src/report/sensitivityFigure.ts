import type { SensitivityItem, SensitivityRecord } from "../quant/index.ts";
import { shownName } from "../shown.ts";
import { coordinate, escapeXml } from "./xml.ts";

const WIDTH = 760;
const ROW = 20;
const TOP = 34;
const PLOT = { left: 330, right: 690 } as const;
/** Bars drawn, the longest first. */
const SHOWN = 30;
const COLORS: Readonly<Record<SensitivityItem["kind"], string>> = { activation: "#0072b2", weight: "#d55e00", layer: "#009e73" };
const LONGEST_NAME = 42;

/** What lifting each item is worth, as bars, the most first; lifted ones are marked. A standalone SVG, or undefined without items. */
export function drawSensitivity({ items, proposal }: Pick<SensitivityRecord, "items" | "proposal">): string | undefined {
  if (items.length === 0) return undefined;
  const shown = items.slice(0, SHOWN);
  const most = shown.reduce((m, { gain }) => Math.max(m, gain), 0) || 1;
  const height = TOP + ROW * shown.length + (items.length > shown.length ? 28 : 10);
  const rest = items.length - shown.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">`,
    "<title>What lifting each tensor is worth</title>",
    "<style>text{font:11px sans-serif;fill:#222}</style>",
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    legend(shown, proposal !== null),
    ...shown.map((item, i) => bar(item, TOP + ROW * i, most, isLifted(item, proposal))),
    ...(rest > 0 ? [`<text x="${PLOT.left - 8}" y="${height - 10}" text-anchor="end">and ${rest} more</text>`] : []),
    "</svg>",
    "",
  ].join("\n");
}

/** What a rule says about the layers of an item that it lifts. */
const LIFTS = { activation: "activationBits", weight: "weightBits", layer: "float" } as const;

/** Whether the proposal lifts an item: it has a rule for every layer of it. */
export function isLifted({ kind, layers }: SensitivityItem, proposal: SensitivityRecord["proposal"]): boolean {
  if (!proposal) return false;
  const lifted = proposal.bits.filter((rule) => rule[LIFTS[kind]] !== undefined).map((rule) => rule.pattern);
  return layers.every((name) => lifted.includes(name));
}

function bar(item: SensitivityItem, y: number, most: number, lifted: boolean): string {
  const width = (Math.max(0, item.gain) / most) * (PLOT.right - PLOT.left);
  const name = shownName(item.name);
  const cut = name.length > LONGEST_NAME ? `…${name.slice(1 - LONGEST_NAME)}` : name;
  return [
    `<text x="${PLOT.left - 8}" y="${y + 13}" text-anchor="end"${lifted ? ' font-weight="bold"' : ""}>${escapeXml(cut)}</text>`,
    `<rect x="${PLOT.left}" y="${y + 2}" width="${coordinate(Math.max(0.5, width))}" height="${ROW - 5}" fill="${COLORS[item.kind]}"${lifted ? ' stroke="#222" stroke-width="1.5"' : ""}/>`,
    `<text x="${coordinate(PLOT.left + width + 5)}" y="${y + 13}">${String(Number(item.gain.toPrecision(3)))}</text>`,
  ].join("\n");
}

function legend(items: readonly SensitivityItem[], proposed: boolean): string {
  const kinds = [...new Set(items.map((i) => i.kind))];
  const marks = kinds.map(
    (kind, i) =>
      `<rect x="${PLOT.left + 90 * i}" y="9" width="11" height="11" fill="${COLORS[kind]}"/><text x="${PLOT.left + 90 * i + 16}" y="19">${kind}</text>`,
  );
  const lifted = proposed ? [`<text x="${PLOT.left + 90 * kinds.length}" y="19">outlined, bold: lifted by the proposal</text>`] : [];
  return [...marks, ...lifted].join("\n");
}
