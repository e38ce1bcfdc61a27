import type { LayerDifference } from "../quant/index.ts";
import { decibels, decibelText, worstFirst } from "./decibels.ts";
import { coordinate, escapeXml } from "./xml.ts";

const WIDTH = 760;
const PLOT = { left: 52, right: 748, top: 52, bottom: 282 } as const;
const NAMED = 3;
const COLORS = { isolated: "#d55e00", accumulated: "#0072b2" } as const;
/** Between the top of the scale and the line of layers without any error. */
const EXACT = 16;

/**
 * The SQNR of every layer in order of execution, by its own doing as points and with everything before it as a line; the
 * worst ones are numbered and named. A standalone SVG, or undefined without layers.
 */
export function drawSqnr(layers: readonly LayerDifference[]): string | undefined {
  if (layers.length === 0) return undefined;
  const scale = scaleOf(layers);
  const worst = worstFirst(layers)
    .slice(0, NAMED)
    .filter((l) => decibels(l.isolated) < Number.POSITIVE_INFINITY);
  const x = (i: number): number => PLOT.left + 8 + ((i + 0.5) * (PLOT.right - PLOT.left - 16)) / layers.length;
  const points = layers.map(
    (l, i) =>
      `<circle cx="${coordinate(x(i))}" cy="${coordinate(scale.y(decibels(l.isolated)))}" r="3" fill="${COLORS.isolated}" stroke="#fff" stroke-width="0.7"/>`,
  );
  const steps = layers.map((l, i) => `${i === 0 ? "M" : "L"}${coordinate(x(i))} ${coordinate(scale.y(decibels(l.accumulated)))}`);
  const marks = worst.map((l, k) => {
    const at = scale.y(decibels(l.isolated));
    return `<text x="${coordinate(x(layers.indexOf(l)))}" y="${coordinate(at + 15)}" text-anchor="middle" class="mark">${k + 1}</text>`;
  });
  const height = PLOT.bottom + 40 + 15 * worst.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">`,
    "<title>SQNR of every layer</title>",
    "<style>text{font:11px sans-serif;fill:#222}.mark{font:bold 11px sans-serif;stroke:#fff;stroke-width:3px;paint-order:stroke}</style>",
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    legend(),
    ...axes(scale, layers.length),
    `<path d="${steps.join("")}" fill="none" stroke="${COLORS.accumulated}" stroke-width="2" stroke-linejoin="round"/>`,
    ...points,
    ...marks,
    ...worst.map((l, k) => `<text x="${PLOT.left}" y="${PLOT.bottom + 48 + 15 * k}">${escapeXml(nameLine(l, k))}</text>`),
    "</svg>",
    "",
  ].join("\n");
}

const nameLine = (l: LayerDifference, k: number): string =>
  `${k + 1}  ${l.name.length > 70 ? `…${l.name.slice(-69)}` : l.name}: isolated ${decibelText(l.isolated)} dB, accumulated ${decibelText(l.accumulated)} dB`;

function legend(): string {
  const { left } = PLOT;
  return [
    `<text x="${left - 40}" y="16">SQNR, dB</text>`,
    `<circle cx="${left + 36}" cy="12" r="3.5" fill="${COLORS.isolated}"/><text x="${left + 46}" y="16">isolated: the layer by itself</text>`,
    `<path d="M${left + 216} 12h22" stroke="${COLORS.accumulated}" stroke-width="2"/><text x="${left + 244}" y="16">accumulated: with everything before it</text>`,
  ].join("\n");
}

interface Scale {
  /** Ends in dB, and the distance of the grid lines. */
  readonly low: number;
  readonly high: number;
  readonly step: number;
  /** Whether a layer has no error at all. */
  readonly exact: boolean;
  y(value: number): number;
}

function scaleOf(layers: readonly LayerDifference[]): Scale {
  const values = layers.flatMap((l) => [decibels(l.isolated), decibels(l.accumulated)]);
  const finite = values.filter(Number.isFinite);
  const [least, most] = [finite.reduce((a, b) => Math.min(a, b), 0), finite.reduce((a, b) => Math.max(a, b), 10)];
  const step = most - least > 120 ? 40 : most - least > 50 ? 20 : 10;
  const [low, high] = [step * Math.floor(least / step), step * Math.ceil(most / step)];
  const y = (value: number): number => {
    if (value === Number.POSITIVE_INFINITY) return PLOT.top - EXACT;
    return PLOT.bottom - ((Math.max(low, value) - low) / (high - low)) * (PLOT.bottom - PLOT.top);
  };
  return { low, high, step, exact: values.includes(Number.POSITIVE_INFINITY), y };
}

function axes({ low, high, step, exact, y }: Scale, count: number): string[] {
  const line = (at: number, color: string): string =>
    `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${coordinate(at)}" y2="${coordinate(at)}" stroke="${color}"/>`;
  const label = (at: number, text: string): string =>
    `<text x="${PLOT.left - 6}" y="${coordinate(at + 4)}" text-anchor="end">${text}</text>`;
  const ticks = Array.from({ length: (high - low) / step + 1 }, (_, i) => low + i * step);
  return [
    ...ticks.map((t) => line(y(t), t === low ? "#222" : "#ddd") + label(y(t), String(t))),
    ...(exact ? [line(PLOT.top - EXACT, "#ddd") + label(PLOT.top - EXACT, "exact")] : []),
    `<text x="${PLOT.left}" y="${PLOT.bottom + 18}">first layer</text>`,
    `<text x="${PLOT.right}" y="${PLOT.bottom + 18}" text-anchor="end">layer ${count}</text>`,
  ];
}
