import type { SiteRecord } from "../quant/index.ts";
import { shownName } from "../shown.ts";
import { coordinate, escapeXml } from "./xml.ts";

const WIDTH = 420;
const HEIGHT = 160;
const LEFT = 12;
const BOTTOM = 24;
const SAMPLES = 200;
const COLORS = ["#888888", "#d1495b"];

type Mixture = NonNullable<SiteRecord["mixture"]>;

const density = (x: number, mean: number, sd: number): number => Math.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * Math.sqrt(2 * Math.PI));

/**
 * The two weighted normal densities of a site's saliency scores (InlierQ eq. 10) with the threshold of eq. 11; a
 * standalone SVG, or undefined where no mixture was fitted. Heights are on a square-root scale, so that a narrow
 * component does not hide a wide one.
 */
export function drawMixture({ tensor, mixture, threshold, inlierShare }: SiteRecord): string | undefined {
  if (!mixture) return undefined;
  const right = Math.max(...[0, 1].map((k) => mixture.means[k] + 4 * mixture.sds[k]), threshold ?? 0);
  const x = (score: number): number => LEFT + (score / right) * (WIDTH - 2 * LEFT);
  const curves = [0, 1].map((k) => curveOf(mixture, k, right));
  const top = Math.max(...curves.flat());
  const y = (value: number): number => HEIGHT - BOTTOM - (Math.sqrt(value / top) || 0) * (HEIGHT - BOTTOM - 26);
  const paths = curves.map((values, k) => {
    const steps = values.map((value, i) => `${i === 0 ? "M" : "L"}${coordinate(x((right * i) / SAMPLES))} ${coordinate(y(value))}`);
    return `<path d="${steps.join("")}" fill="none" stroke="${COLORS[k]}" stroke-width="2"/>`;
  });
  const name = shownName(tensor);
  const base = coordinate(HEIGHT - BOTTOM);
  const mark =
    threshold === null || !Number.isFinite(threshold)
      ? []
      : [
          `<line x1="${coordinate(x(threshold))}" x2="${coordinate(x(threshold))}" y1="22" y2="${base}" stroke="#222" stroke-dasharray="4 3"/>`,
        ];
  const share = inlierShare === null ? "" : `, inliers ${(100 * inlierShare).toFixed(1)} %`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">`,
    `<title>${escapeXml(`saliency of ${name}`)}</title>`,
    "<style>text{font:11px sans-serif;fill:#222}</style>",
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="14">${escapeXml(`${name}${share}`)}</text>`,
    ...paths,
    ...mark,
    `<line x1="${LEFT}" x2="${WIDTH - LEFT}" y1="${base}" y2="${base}" stroke="#222"/>`,
    `<text x="${LEFT}" y="${HEIGHT - 8}">0</text>`,
    `<text x="${WIDTH - LEFT}" y="${HEIGHT - 8}" text-anchor="end">saliency ${right.toPrecision(3)}</text>`,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">grey: anomaly, red: inlier, dashed: threshold</text>`,
    "</svg>",
    "",
  ].join("\n");
}

function curveOf({ weights, means, sds }: Mixture, k: number, right: number): number[] {
  return Array.from({ length: SAMPLES + 1 }, (_, i) => weights[k] * density((right * i) / SAMPLES, means[k], sds[k]));
}
