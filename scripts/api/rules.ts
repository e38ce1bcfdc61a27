import { Node } from "ts-morph";
import type { Entry, Member, Page, Parameter } from "./surface.ts";
import { thrower } from "./throws.ts";

/** A comment that leaves out what a rule asks for. */
export interface Gap {
  /** `src/path.ts:line name`. */
  readonly where: string;
  readonly rule: string;
}

/** What has a shape; a Uint8Array holds the bytes of a file, or the pixels of a Picture, which says so itself. */
const TENSORS = /\bTensor\b|\b(Float32|Float64|Int8|Int32|Uint32)Array\b|\bData\b/;
const STATES_SHAPE = /\[[^\]]*\]|\bshapes?\b|\bscalars?\b|\belement (by|of|to|each)\b|\blengths?\b/i;
const STATES_ERRORS = /\bErrors:/;
const STATES_SOURCE =
  /\beq(s|uations?)?\.\s?\(?\d|§|\b[Ss]ections?\s+\d|\bSource:|\bUnstated:|\bDeparture:|\bAlgorithm \d|\bTable \d|\bDefinition:/;

/** Folders whose functions come from papers. */
const FROM_PAPERS = /^src\/(quant\/(methods|objective|observer|quantizer)|detect\/(decoders|formats)|nn\/loss)\//;

/** Names of numbers that mean nothing without a unit, and the words that give one. */
const UNITS: readonly (readonly [names: RegExp, words: RegExp])[] = [
  [/^(width|height|radius|radii|area|areas|minRadius)$/, /\bpixels?\b|\bpx\b|\bcells?\b|\belements?\b|\bnormali[sz]ed\b|\bunits? of\b/i],
  [/(Ms|Millis|[tT]imeout|[eE]lapsed|[tT]imes?|[tT]iming|[pP]atience|[sS]econds)$/, /\bmilliseconds?\b|\bms\b|\bseconds?\b/i],
  [/bytes$/i, /\bbytes?\b|\b[KMG]i?B\b|\bUint8Array\b/i],
  [/sqnr|snr$/i, /\bdB\b|\bdecibels?\b/],
  [/^(AP|AP\d+|ap\d*|mAP)$/, /\bpoints?\b|\bshares?\b|\[0, 1\]|\b0 to 1\b|\bfraction\b/],
];

const isNumeric = (type: string): boolean => /\bnumber\b/.test(type);

/** Whether `name` stands as a word of `text`. */
const names = (text: string, name: string): boolean => new RegExp(`(^|[^\\w])${name.replace(/[^\w]/g, "\\$&")}($|[^\\w])`).test(text);

function unitGaps(where: string, name: string, type: string, texts: string): Gap[] {
  if (!isNumeric(type)) return [];
  return UNITS.flatMap(([pattern, words]) => (pattern.test(name) && !words.test(texts) ? [{ where, rule: `a unit for ${name}` }] : []));
}

const parameterGaps = (where: string, parameters: readonly Parameter[], doc: string): Gap[] =>
  parameters.flatMap(({ name, type }) => unitGaps(where, name, type, doc));

/** What a call must say: shapes of tensors and arrays, and the errors it throws itself. */
function callGaps(where: string, node: Node, signature: string, doc: string): Gap[] {
  const gaps: Gap[] = [];
  if (TENSORS.test(signature) && !STATES_SHAPE.test(doc)) gaps.push({ where, rule: "shapes" });
  if (thrower.throws(node) && !STATES_ERRORS.test(doc)) gaps.push({ where, rule: "errors" });
  return gaps;
}

function memberGaps(entry: Entry, member: Member): Gap[] {
  const where = `${entry.path}:${member.node.getStartLineNumber()} ${entry.name}.${member.name}`;
  // The comment of the whole may speak of a part by its name.
  if (member.doc === "" && !names(entry.doc, member.name)) return [{ where, rule: "a comment" }];
  const own = member.doc === "" ? entry.doc : member.doc;
  const both = `${entry.doc}\n${member.doc}`;
  return [
    ...(Node.isMethodDeclaration(member.node) || Node.isMethodSignature(member.node) || Node.isConstructorDeclaration(member.node)
      ? callGaps(where, member.node, member.signature, own)
      : []),
    ...unitGaps(where, member.name, member.type, both),
    ...parameterGaps(where, member.parameters, both),
  ];
}

/** What the comment of one exported name leaves out. */
export function gapsOf(entry: Entry): Gap[] {
  const { kind, name, path, line, doc, parameters, signature, members, node } = entry;
  const where = `${path}:${line} ${name}`;
  if (doc === "") return [{ where, rule: "a comment" }, ...members.flatMap((member) => memberGaps(entry, member))];
  const gaps: Gap[] = [];
  if (kind === "function") gaps.push(...callGaps(where, node, signature, doc), ...parameterGaps(where, parameters, doc));
  if ((kind === "function" || kind === "class") && FROM_PAPERS.test(path) && !STATES_SOURCE.test(doc))
    gaps.push({ where, rule: "a source" });
  return [...gaps, ...members.flatMap((member) => memberGaps(entry, member))];
}

/** Everything the comments of the package leave out, each place once. */
export function gaps(pages: readonly Page[]): Gap[] {
  const found = new Map<string, Gap>();
  for (const { subpath, doc, entries } of pages) {
    if (doc === "") found.set(subpath, { where: `the index of ${subpath}`, rule: "a comment at its top" });
    for (const gap of entries.flatMap(gapsOf)) found.set(`${gap.where} ${gap.rule}`, gap);
  }
  return [...found.values()];
}
