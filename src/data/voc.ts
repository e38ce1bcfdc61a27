import type { Box } from "../detect/index.ts";
import { ArgumentError } from "../errors.ts";

/** One object of a Pascal VOC annotation. */
export interface VocObject {
  /** Name of its class, as the file writes it. */
  readonly name: string;
  /** Corner pixels as the file states them: 1-based, both ends inclusive. */
  readonly box: Box;
  /** Whether evaluation passes over it. */
  readonly difficult: boolean;
}

/** A Pascal VOC annotation file: one picture. */
export interface VocAnnotation {
  /** Name of the picture, as the file states it. */
  readonly fileName: string;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** The objects, in the order of the file. */
  readonly objects: readonly VocObject[];
}

/** An element of the small part of XML that annotation files use: no attributes kept, text trimmed. */
interface Element {
  readonly tag: string;
  readonly children: Element[];
  text: string;
}

/**
 * Reads a Pascal VOC annotation. Corners are kept as written.
 *
 * Errors: ArgumentError when the text is no such XML, a tag is missing, or a corner is not a finite number.
 */
export function parseVoc(xml: string, name = "annotation"): VocAnnotation {
  const fail = (problem: string) => new ArgumentError("parseVoc", `${name} ${problem}`);
  const root = parseXml(xml, fail);
  if (root.tag !== "annotation") throw fail(`must have the root <annotation>, got <${root.tag}>`);
  const child = (of: Element, tag: string, where: string): Element => {
    const found = of.children.find((c) => c.tag === tag);
    if (!found) throw fail(`must have <${tag}> in ${where}, got none`);
    return found;
  };
  const number = (of: Element, tag: string, where: string): number => {
    const { text } = child(of, tag, where);
    const value = Number(text);
    if (text === "" || !Number.isFinite(value)) throw fail(`must have a number in <${tag}> of ${where}, got "${text}"`);
    return value;
  };
  const size = child(root, "size", "<annotation>");
  const objects = root.children.filter((c) => c.tag === "object");
  return {
    fileName: child(root, "filename", "<annotation>").text,
    width: number(size, "width", "<size>"),
    height: number(size, "height", "<size>"),
    objects: objects.map((object, i): VocObject => {
      const where = `object ${i + 1}`;
      const corners = child(object, "bndbox", where);
      const box: Box = [
        number(corners, "xmin", where),
        number(corners, "ymin", where),
        number(corners, "xmax", where),
        number(corners, "ymax", where),
      ];
      if (box[2] < box[0] || box[3] < box[1]) throw fail(`must have xmin <= xmax and ymin <= ymax in ${where}, got ${box.join(", ")}`);
      const difficult = object.children.find((c) => c.tag === "difficult")?.text === "1";
      return { name: child(object, "name", where).text, box, difficult };
    }),
  };
}

/** Open, close and empty tags between texts; comments, processing instructions and CDATA marks are passed over. */
function parseXml(xml: string, fail: (problem: string) => ArgumentError): Element {
  const token = /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!DOCTYPE[^>[]*>|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([\w.:-]+)[^<>]*?(\/?)>|([^<]+)/g;
  const top: Element = { tag: "", children: [], text: "" };
  const open: Element[] = [top];
  let at = xml.startsWith("\uFEFF") ? 1 : 0;
  token.lastIndex = at;
  for (let match = token.exec(xml); match; match = token.exec(xml)) {
    if (match.index !== at) break;
    at = token.lastIndex;
    const [, cdata, closing, tag, empty, text] = match;
    const current = open[open.length - 1];
    if (cdata !== undefined) current.text += cdata;
    else if (text !== undefined) current.text = (current.text + decodeEntities(text)).trim();
    else if (tag === undefined) continue;
    else if (closing) {
      if (open.length === 1 || current.tag !== tag)
        throw fail(`must close <${current.tag}> first, got </${tag}> at position ${match.index}`);
      open.pop();
    } else {
      const element: Element = { tag, children: [], text: "" };
      current.children.push(element);
      if (!empty) open.push(element);
    }
  }
  if (at !== xml.length) throw fail(`must be XML, got an unreadable tag at position ${at}`);
  if (open.length > 1) throw fail(`must close every tag, got the end of the text inside <${open[open.length - 1].tag}>`);
  if (top.text !== "") throw fail(`must have nothing beside its root element, got "${top.text.slice(0, 40)}"`);
  if (top.children.length !== 1) throw fail(`must have one root element, got ${top.children.length}`);
  return top.children[0];
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const decodeEntities = (text: string): string =>
  text.replace(/&(?:#(\d+)|#x([\da-fA-F]+)|(\w+));/g, (whole, decimal?: string, hex?: string, named?: string) => {
    if (decimal !== undefined) return String.fromCodePoint(Math.min(Number(decimal), 0x10ffff));
    if (hex !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(hex, 16), 0x10ffff));
    return named !== undefined && Object.hasOwn(ENTITIES, named) ? ENTITIES[named] : whole;
  });
