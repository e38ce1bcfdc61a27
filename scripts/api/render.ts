import { type Entry, KINDS, type Kind, type Member, type Page, type Parameter } from "./surface.ts";

/** Where the pages lie, below the root of the repository. */
export const FOLDER = "docs/api";

const HEADINGS: Readonly<Record<Kind, string>> = {
  function: "Functions",
  class: "Classes",
  interface: "Interfaces",
  type: "Types",
  constant: "Constants",
};

/** Labels a paragraph of a comment may begin with. */
const LABELS = /^(Shapes?|Units?|Errors|Source|Departure|Unstated):/;
/** The same within a paragraph, behind the end of a sentence. */
const INNER_LABELS = /([.!?)])\s+(?=(?:Shapes?|Units?|Errors|Source|Departure|Unstated):)/g;

const titleOf = (subpath: string): string => `inlierq${subpath.slice(1)}`;
const fileOf = (subpath: string): string => (subpath === "." ? "root.md" : `${subpath.slice(2)}.md`);

/** Functions come before the types they name, and two names that differ in case get anchors of their own. */
function anchorsOf({ entries }: Page): ReadonlyMap<string, string> {
  const taken = new Map<string, number>();
  const anchors = new Map<string, string>();
  for (const kind of KINDS) {
    for (const { name } of entries.filter((entry) => entry.kind === kind)) {
      const slug = name.toLowerCase();
      const used = taken.get(slug) ?? 0;
      taken.set(slug, used + 1);
      anchors.set(name, used === 0 ? slug : `${slug}-${used}`);
    }
  }
  return anchors;
}

/** Where every exported name is explained: on its own page before any other. */
class Links {
  readonly #pages: readonly { readonly page: Page; readonly anchors: ReadonlyMap<string, string> }[];

  constructor(pages: readonly Page[]) {
    // The root re-exports names that have a page of their own.
    this.#pages = [...pages.filter((p) => p.subpath !== "."), ...pages.filter((p) => p.subpath === ".")].map((page) => ({
      page,
      anchors: anchorsOf(page),
    }));
  }

  anchorOf(page: Page, name: string): string {
    return this.#pages.find((p) => p.page === page)?.anchors.get(name) ?? "";
  }

  /** The link from `page` to a name; undefined for names of the language and for hidden ones. */
  find(page: Page, name: string): string | undefined {
    const here = this.anchorOf(page, name);
    if (here !== "") return `#${here}`;
    const other = this.#pages.find((p) => p.anchors.has(name));
    return other && `${fileOf(other.page.subpath)}#${other.anchors.get(name)}`;
  }

  /** A type as text, with the exported names in it linked behind it. */
  typed(page: Page, type: string): string {
    const names = [...new Set(type.match(/\b[A-Z]\w*/g) ?? [])];
    const linked = names.flatMap((name) => {
      const target = this.find(page, name);
      return target === undefined ? [] : [name === type ? target : `[${name}](${target})`];
    });
    const code = `\`${type.replace(/\s+/g, " ")}\``;
    if (linked.length === 0) return code;
    return names.length === 1 && names[0] === type ? `[${code}](${linked[0]})` : `${code} (${linked.join(", ")})`;
  }
}

/** A comment as Markdown: paragraphs, with its labels in bold. */
function prose(doc: string): string {
  return doc
    .replace(INNER_LABELS, "$1\n\n")
    .split(/\n\s*\n/)
    .map((paragraph) => {
      // Lists and tables keep their lines; prose flows.
      const text = /^\s*([-*|]|\d+\.) /m.test(paragraph)
        ? paragraph
        : paragraph
            .split("\n")
            .map((line) => line.trim())
            .join(" ");
      return text.replace(LABELS, (label) => `**${label}**`);
    })
    .join("\n\n");
}

const indented = (text: string): string => text.replace(/\n(?=.)/g, "\n  ");

const parameterLine = (page: Page, links: Links, { name, type, optional }: Parameter): string =>
  `- \`${name}\`${optional ? " (optional)" : ""}: ${links.typed(page, type)}`;

const memberLine = ({ signature, doc }: Member): string =>
  `- \`${signature.replace(/\s+/g, " ")}\`${doc === "" ? "" : `  \n  ${indented(prose(doc))}`}`;

function section(page: Page, links: Links, entry: Entry): string {
  const { name, kind, signature, doc, parameters, type, members, path, line } = entry;
  const parts = [`### ${name}`, `\`\`\`ts\n${signature}\n\`\`\``, prose(doc)];
  if (parameters.length > 0) parts.push(["Parameters:", "", ...parameters.map((p) => parameterLine(page, links, p))].join("\n"));
  if (kind === "function" && links.typed(page, type).includes("](")) parts.push(`Returns ${links.typed(page, type)}.`);
  if (members.length > 0) parts.push(members.map(memberLine).join("\n"));
  parts.push(`[${path}:${line}](../../${path}#L${line})`);
  return parts.filter((part) => part !== "").join("\n\n");
}

function render(page: Page, links: Links): string {
  const groups = KINDS.map((kind) => ({ kind, entries: page.entries.filter((entry) => entry.kind === kind) })).filter(
    ({ entries }) => entries.length > 0,
  );
  const index = groups.map(
    ({ kind, entries }) => `**${HEADINGS[kind]}**: ${entries.map(({ name }) => `[${name}](#${links.anchorOf(page, name)})`).join(" · ")}`,
  );
  const sections = groups.map(({ kind, entries }) =>
    [`## ${HEADINGS[kind]}`, ...entries.map((entry) => section(page, links, entry))].join("\n\n"),
  );
  const note = "Written by `npm run docs:api` from the comments in the sources. [All entries](README.md)";
  return `${[`# ${titleOf(page.subpath)}`, page.doc, note, ...index, ...sections].join("\n\n")}\n`;
}

function contents(pages: readonly Page[]): string {
  const rows = pages.map((page) => {
    const about = page.doc.split(/\n\s*\n/)[0].replace(/\s+/g, " ");
    return `| [\`${titleOf(page.subpath)}\`](${fileOf(page.subpath)}) | ${page.entries.length} | ${about} |`;
  });
  const table = ["| entry | names | what it holds |", "| --- | ---: | --- |", ...rows].join("\n");
  return `# API reference\n\nWritten by \`npm run docs:api\` from the comments in the sources, one page an entry of the package.\n\n${table}\n`;
}

/** The reference as Markdown: file name to text. The same pages give the same text. */
export function reference(pages: readonly Page[]): ReadonlyMap<string, string> {
  const links = new Links(pages);
  return new Map([["README.md", contents(pages)], ...pages.map((page) => [fileOf(page.subpath), render(page, links)] as const)]);
}
