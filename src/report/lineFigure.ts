import { exp, log } from "../elementary.ts";
import { coordinate, escapeXml } from "./xml.ts";

/** One curve. */
export interface Curve {
  /** As the legend calls it; the same name has the same look in every panel. */
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly color: string;
  /** Lengths of strokes and gaps; none for a full line. */
  readonly dash?: string;
  /** Whether values hold until the next x, as in a histogram. */
  readonly steps?: boolean;
  /** Positions along x that get a tick on the axis. */
  readonly marks?: readonly number[];
}

/** One pair of axes. */
export interface Panel {
  readonly title: string;
  readonly xLabel: string;
  readonly curves: readonly Curve[];
  /** Whether heights are logarithms; values of 0 are left out. */
  readonly logarithmic?: boolean;
}

/** Colours that stay apart in every kind of colour blindness (Okabe and Ito). */
export const COLORS = {
  blue: "#0072b2",
  orange: "#d55e00",
  green: "#009e73",
  yellow: "#e69f00",
  pink: "#cc79a7",
  sky: "#56b4e9",
  black: "#222222",
} as const;

const PANEL = { width: 330, left: 50, right: 12, top: 30, bottom: 200, foot: 236 } as const;
const LEGEND = { row: 17, column: 330 } as const;

/** Panels of curves side by side with one legend below; a standalone SVG. */
export function drawPanels(title: string, panels: readonly Panel[]): string {
  const names = new Map(panels.flatMap((p) => p.curves.map((c) => [c.name, c] as const)));
  const width = PANEL.width * panels.length;
  const perRow = Math.max(1, Math.floor(width / LEGEND.column));
  const height = PANEL.foot + LEGEND.row * Math.ceil(names.size / perRow) + 6;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<title>${escapeXml(title)}</title>`,
    "<style>text{font:11px sans-serif;fill:#222}.title{font:bold 12px sans-serif}</style>",
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...panels.flatMap((panel, i) => [`<g transform="translate(${i * PANEL.width} 0)">`, ...drawPanel(panel), "</g>"]),
    ...[...names.values()].map((curve, i) =>
      legend(curve, PANEL.left + (i % perRow) * LEGEND.column, PANEL.foot + LEGEND.row * Math.floor(i / perRow) + 8),
    ),
    "</svg>",
    "",
  ].join("\n");
}

const stroke = ({ color, dash }: Curve): string =>
  `fill="none" stroke="${color}" stroke-width="1.8"${dash === undefined ? "" : ` stroke-dasharray="${dash}"`} stroke-linejoin="round"`;

const legend = (curve: Curve, x: number, y: number): string =>
  `<path d="M${x} ${y}h26" ${stroke(curve)}/><text x="${x + 32}" y="${y + 4}">${escapeXml(curve.name)}</text>`;

/** Values to heights, and the heights that get a line and a label. */
interface Scale {
  y(value: number): number;
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
}

function drawPanel({ title, xLabel, curves, logarithmic = false }: Panel): string[] {
  const shown = (value: number): boolean => Number.isFinite(value) && (!logarithmic || value > 0);
  const values = curves.flatMap((c) => c.y).filter(shown);
  const xs = curves.flatMap((c) => c.x);
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const [left, right] = [PANEL.left, PANEL.width - PANEL.right];
  const x = (value: number): number => left + ((value - first) / (last - first || 1)) * (right - left);
  const scale = logarithmic ? decades(values) : even(values);
  const lines = scale.ticks.map(
    ({ at, label }, i) =>
      `<line x1="${left}" x2="${right}" y1="${coordinate(at)}" y2="${coordinate(at)}" stroke="${i === 0 ? "#222" : "#ddd"}"/>` +
      `<text x="${left - 5}" y="${coordinate(at + 4)}" text-anchor="end">${label}</text>`,
  );
  const paths = curves.map((c) => `<path d="${pathOf(c, x, scale.y, shown)}" ${stroke(c)}/>`);
  const marks = curves.flatMap((c) =>
    (c.marks ?? []).map(
      (m) => `<path d="M${coordinate(x(m))} ${PANEL.bottom - 9}v14" stroke="${c.color}" stroke-width="3" stroke-opacity="0.8"/>`,
    ),
  );
  return [
    `<text x="${left}" y="18" class="title">${escapeXml(title)}</text>`,
    ...lines,
    ...paths,
    ...marks,
    `<text x="${left}" y="${PANEL.bottom + 17}">${String(first)}</text>`,
    `<text x="${(left + right) / 2}" y="${PANEL.bottom + 17}" text-anchor="middle">${escapeXml(xLabel)}</text>`,
    `<text x="${right}" y="${PANEL.bottom + 17}" text-anchor="end">${String(last)}</text>`,
  ];
}

function pathOf(curve: Curve, x: (v: number) => number, y: (v: number) => number, shown: (v: number) => boolean): string {
  let started = false;
  return curve.y
    .map((value, i) => {
      if (!shown(value)) return "";
      const across = started && curve.steps ? `H${coordinate(x(curve.x[i]))}V${coordinate(y(value))}` : undefined;
      const step = across ?? `${started ? "L" : "M"}${coordinate(x(curve.x[i]))} ${coordinate(y(value))}`;
      started = true;
      return step;
    })
    .join("");
}

const log10 = (value: number): number => log(value) / Math.LN10;

function decades(values: readonly number[]): Scale {
  const logs = values.map(log10);
  const low = Math.floor(Math.min(...logs, 0) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.max(...logs, low + 1) - 1e-9));
  const step = Math.ceil((high - low) / 6);
  const y = (exponent: number): number => PANEL.bottom - ((exponent - low) / (high - low)) * (PANEL.bottom - PANEL.top);
  const ticks = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, i) => low + i * step);
  return {
    y: (value) => y(log10(value)),
    ticks: ticks.map((t) => ({ at: y(t), label: t >= -2 && t <= 3 ? String(Number((10 ** t).toPrecision(1))) : `1e${t}` })),
  };
}

function even(values: readonly number[]): Scale {
  const [low, most] = [Math.min(0, ...values), Math.max(...values, Number.MIN_VALUE)];
  const rough = exp(Math.LN10 * Math.floor(log10((most - low) / 4)));
  const unit = Number(rough.toPrecision(1));
  const step = [1, 2, 5, 10].map((f) => f * unit).find((s) => (most - low) / s <= 5) ?? 10 * unit;
  const [bottom, top] = [Math.floor(low / step), Math.ceil(most / step - 1e-9)];
  const y = (value: number): number => PANEL.bottom - ((value / step - bottom) / (top - bottom || 1)) * (PANEL.bottom - PANEL.top);
  const ticks = Array.from({ length: top - bottom + 1 }, (_, i) => (bottom + i) * step);
  return { y, ticks: ticks.map((t) => ({ at: y(t), label: String(Number(t.toPrecision(3))) })) };
}
