import type { CalibrationRecord, LayerRecord, RangeRecord, SiteRecord, UnitRecord } from "../quant/index.ts";
import { number, percent, plain, table } from "./markdown.ts";

/** Files a report refers to, by path below the report. */
export interface ReportFigures {
  /** Pictures of detections with their captions. */
  readonly detections: readonly { readonly path: string; readonly name: string }[];
  /** Mixture figures by tensor name. */
  readonly mixtures: readonly { readonly path: string; readonly tensor: string }[];
}

/** "[-0.28, 12.4]"; for channels the widest ends and their number. */
export function rangeText({ min, max }: RangeRecord): string {
  const low = min.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = max.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return `[${number(low)}, ${number(high)}]${min.length > 1 ? ` x${min.length}` : ""}`;
}

function siteRow(site: SiteRecord): string[] {
  const { tensor, bits, granularity, observed, rangeBefore, rangeAfter, inlierShare, threshold, clippedShare, sqnr, objective, flags } =
    site;
  const last = objective.at(-1);
  return [
    plain(tensor),
    `${bits}${granularity === "perChannel" ? " per channel" : ""}`,
    rangeText(observed),
    rangeText(rangeBefore),
    rangeText(rangeAfter),
    inlierShare === null ? "-" : percent(inlierShare),
    threshold === null ? "-" : number(threshold),
    `${(100 * clippedShare).toFixed(3)} %`,
    sqnr === null ? "-" : sqnr.toFixed(1),
    last === undefined ? "-" : `${number(objective[0])} → ${number(last)}`,
    flags.join(", ") || "-",
  ];
}

function layerRow({ name, kind, quantized, macs, weightBits, weightMapping, weightSqnr, biasCorrection, flags }: LayerRecord): string[] {
  const bias =
    biasCorrection === null
      ? "-"
      : `${number(biasCorrection.before)} → ${number(biasCorrection.after)}${biasCorrection.kept ? "" : " (not kept)"}`;
  return [
    plain(name),
    plain(kind),
    quantized ? `${weightBits} ${weightMapping}` : "float",
    String(macs),
    weightSqnr === null ? "-" : weightSqnr.toFixed(1),
    bias,
    flags.join(", ") || "-",
  ];
}

function unitRow({ unit, stage, layers, steps, start, biases, soft, hard, kept }: UnitRecord): string[] {
  const learned = steps > 0;
  return [
    plain(unit),
    plain(stage),
    String(layers.length),
    String(steps),
    number(start),
    biases < 1 ? biases.toFixed(3) : "-",
    learned ? soft.toFixed(3) : "-",
    learned ? hard.toFixed(3) : "-",
    kept ? "yes" : "no",
  ];
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** "1.2e9 (12.5 %) by paper128, ...": papers count by different rules, so each number names its own. */
const effectiveText = ({ effectiveFlops }: CalibrationRecord["cost"], total: number): string =>
  Object.entries(effectiveFlops)
    .map(([rule, value]) => `${number(value)} (${percent(share(value, total))}) by ${rule}`)
    .join(", ");

/** "cross-layer (12), smooth (3); float outputs kept to 120.4 dB". */
export function equalizeText({ applied, outputSqnr }: NonNullable<CalibrationRecord["equalize"]>): string {
  const done = applied.map(({ name, changed }) => `${name} (${changed.length} changed)`).join(", ");
  return `${done}; float outputs ${outputSqnr === null ? "the same" : `kept to ${outputSqnr.toFixed(1)} dB`}`;
}

function summary(record: CalibrationRecord): string {
  const { macs, bytes, cost, detections, gate } = record;
  const rows: [string, string][] = [
    ["model", plain(record.model)],
    ["detector card", plain(record.detector ?? "none")],
    ["method", `${record.method}, ${record.scheme}, policy ${record.policy}, seed ${record.seed}`],
    [`calibration ${record.sampleKind ?? "pictures"}`, String(record.samples.length)],
    ["multiply-accumulates quantized", `${percent(macs.fraction)} (${macs.quantized} of ${macs.total})`],
    ["layers quantized", `${record.layers.filter((l) => l.quantized).length} of ${record.layers.length}`],
    ["weights and biases", `${bytes.before} bytes before, ${bytes.after} bytes after`],
    ["bit operations", `${number(cost.bops)} of ${number(cost.floatBops)} in float (${percent(share(cost.bops, cost.floatBops))})`],
    ["effective multiply-accumulates", effectiveText(cost, macs.total)],
    ["exported file", `${cost.bytes.file} bytes`],
  ];
  if (record.equalize) rows.push(["float network before calibration", equalizeText(record.equalize)]);
  if (record.promotion) {
    const { bits, share, limit, tensors } = record.promotion;
    const names = tensors.map((t) => plain(t.tensor)).join(", ");
    rows.push([`promoted to ${bits} bits`, `${percent(share)} of the activation elements (at most ${percent(limit)}): ${names || "none"}`]);
  }
  if (detections) {
    const { kept, float, keptShare, quantized } = detections;
    rows.push(["float detections kept", `${kept} of ${float} (${percent(keptShare)}); the quantized detector finds ${quantized}`]);
  }
  if (gate)
    rows.push(["gate", `${gate.rule} = ${number(gate.value)}, needed ${number(gate.limit)}: ${gate.passed ? "passed" : "not passed"}`]);
  return table(["", ""], rows);
}

/** The report of a calibration as Markdown. Every number comes from the record. */
export function reportText(record: CalibrationRecord, figures: ReportFigures): string {
  const sections = [`# ${plain(record.model)} quantized to ${record.scheme} with ${record.method}`, summary(record)];
  if (figures.detections.length > 0) {
    sections.push(
      "## Detections before and after",
      "Calibration pictures whose detections changed most, float on the left, quantized on the right; boxes with a score of at least the card's `visibleThreshold`.",
      ...figures.detections.map(({ path, name }) => `![${plain(name)}](${encodeURI(path)})`),
    );
  }
  const head = [
    "tensor",
    "bits",
    "observed",
    "range before",
    "range after",
    "inliers",
    "threshold",
    "clipped",
    "SQNR dB",
    "objective",
    "flags",
  ];
  sections.push(
    "## Activations",
    'One row a quantized tensor, lowest SQNR first. Ranges are in activation units; "before" is the method\'s first range, "after" the exported one. ' +
      "Inliers: share of volumes whose saliency reaches the threshold. Clipped: share of all values outside the exported range.",
    table(head, bySqnr(record.sites).map(siteRow)),
  );
  if (figures.mixtures.length > 0) {
    sections.push(
      "### Saliency mixtures",
      "The fitted mixtures of the tensors with the lowest SQNR.",
      ...figures.mixtures.map(({ path, tensor }) => `![saliency of ${plain(tensor)}](${encodeURI(path)})`),
    );
  }
  if (record.units.length > 0) {
    sections.push(
      "## Units that learned",
      "One row a unit and stage, in the order in which they learned. Start: objective of the unit before it learned, in its own unit. " +
        "Biases, soft and hard: objective on the held-out samples relative to that, once biases make up for what rounding moves, as the descent " +
        "left it, and once weights are on their grids. " +
        "A unit whose result was no better keeps what it had.",
      table(["unit", "stage", "layers", "steps", "start", "biases", "soft", "hard", "kept"], record.units.map(unitRow)),
    );
  }
  sections.push(
    "## Layers",
    table(["layer", "kind", "weights", "MACs", "weight SQNR dB", "error of the channel means", "flags"], record.layers.map(layerRow)),
  );
  return `${sections.join("\n\n")}\n`;
}

/** Sites from the lowest SQNR up; those without one last; ties in record order. */
export function bySqnr(sites: readonly SiteRecord[]): SiteRecord[] {
  return [...sites].sort((a, b) => (a.sqnr ?? Number.POSITIVE_INFINITY) - (b.sqnr ?? Number.POSITIVE_INFINITY) || 0);
}
