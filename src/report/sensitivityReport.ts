import type { DamageText, SensitivityItem, SensitivityRecord } from "../quant/index.ts";
import { shownJson } from "../shown.ts";
import { number, plain, table } from "./markdown.ts";
import { equalizeText } from "./reportText.ts";
import { drawSensitivity, isLifted } from "./sensitivityFigure.ts";

const FIGURE = "pictures/sensitivity.svg";

/**
 * The report of a ranking: sensitivity.md and the figure of its bars. `costs` are the limit of the budget and what was
 * spent, as text; `about` says what damage is. Files by path below the output folder.
 */
export function makeSensitivity(
  record: SensitivityRecord,
  costs: readonly [limit: string, spent: string] | undefined,
  about: DamageText,
): Map<string, string> {
  const figure = drawSensitivity(record);
  const files: [string, string][] = figure === undefined ? [] : [[FIGURE, figure]];
  return new Map([["sensitivity.md", textOf(record, costs, about, figure !== undefined)], ...files]);
}

function textOf(record: SensitivityRecord, costs: readonly [string, string] | undefined, about: DamageText, figure: boolean): string {
  const sections = [`# What ${plain(record.model)} at ${record.scheme} suffers from`, summary(record, costs), explanation(record, about)];
  if (figure) sections.push(`![What lifting each tensor is worth](${FIGURE})`);
  sections.push(
    table(
      HEAD,
      record.items.map((item, i) => row(item, i, isLifted(item, record.proposal))),
    ),
  );
  if (record.proposal) {
    sections.push("## Proposal", "The rules of `config.json`, for `inlierq quantize --config`:", rulesText(record.proposal.bits));
  }
  return `${sections.join("\n\n")}\n`;
}

function summary(record: SensitivityRecord, costs: readonly [string, string] | undefined): string {
  const { whole, proposal } = record;
  const rows: [string, string][] = [
    ["model", plain(record.model)],
    ["detector card", plain(record.detector ?? "none")],
    ["method", `${record.method}, ${record.scheme}, policy ${record.policy}, seed ${record.seed}`],
    ["samples", String(record.samples.length)],
    ...(record.equalize ? [["float network before calibration", equalizeText(record.equalize)] as [string, string]] : []),
    ["mode", `${record.mode}, lifted to ${record.high === "float" ? "float" : `${record.high} bits`}`],
    ["damage with everything quantized", `${number(whole.total)} (scores ${number(whole.scores)}, boxes ${number(whole.boxes)})`],
  ];
  if (proposal && costs)
    rows.push([`budget: ${proposal.budget.cost}`, `${costs[0]}, spent ${costs[1]} on ${proposal.lifted.length} of ${record.items.length}`]);
  return table(["", ""], rows);
}

function explanation({ mode, detector }: SensitivityRecord, about: DamageText): string {
  const changed =
    mode === "isolated"
      ? "Each row is the network with only that tensor, weight or layer quantized; the gain of lifting it is the damage it does."
      : "Each row is the quantized network with only that tensor, weight or layer lifted; the gain is the damage that takes away.";
  const measure =
    detector === null
      ? `Scores: ${about.outputs}. Damage is the scores.`
      : `Scores: ${about.scores}. Boxes: ${about.boxes}. Damage is ${about.total}.`;
  return `${changed} ${measure} No label was read.`;
}

const HEAD = ["", "what", "name", "bits", "elements", "gain", "scores", "boxes", "lifted"];

const row = ({ kind, name, bits, elements, gain, damage }: SensitivityItem, i: number, lifted: boolean): string[] => [
  String(i + 1),
  kind,
  plain(name),
  String(bits),
  String(elements),
  number(gain),
  number(damage.scores),
  number(damage.boxes),
  lifted ? "yes" : "",
];

const rulesText = (rules: readonly object[]): string =>
  rules.length === 0 ? "(nothing)" : ["```json", ...rules.map((rule) => shownJson(rule)), "```"].join("\n");
