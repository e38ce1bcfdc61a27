import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { gapsOf, parseCard } from "../../src/detect/index.ts";
import { cli } from "./bench.ts";

const root = join(import.meta.dirname, "../..");
const guide = readFileSync(join(root, "docs/guide-own-detector.md"), "utf8");

/** A fenced block: its language, what follows it on that line, its lines, and the heading above it. */
interface Block {
  readonly language: string;
  readonly label: string;
  readonly text: string;
  readonly title: string;
}

const blocks: readonly Block[] = [...guide.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(([, language, label, text], i, all) => {
  const before = guide.slice(0, all[i].index);
  return { language, label, text, title: before.slice(before.lastIndexOf("\n## ") + 4).split("\n")[0] };
});

/** Numbers may change when methods do; words may not. */
const shape = (line: string): string =>
  line
    .replace(/-?\d+(\.\d+)?/g, "#")
    .replace(/ +/g, " ")
    .trim();

const folder = mkdtempSync(join(tmpdir(), "inlierq-guide-"));
const home = process.cwd();
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

/** Saves a script as the guide names it, with the package's entries as the sources here, and runs it; gives what it printed. */
async function runScript({ label, text }: Block): Promise<string> {
  const said: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line: string) => void said.push(line));
  const local = text.replace(
    /from "inlierq\/(\w+)"/g,
    (_, entry: string) => `from ${JSON.stringify(join(root, "src", entry, "index.ts"))}`,
  );
  const path = join(folder, label);
  writeFileSync(path, local);
  await import(/* @vite-ignore */ path);
  log.mockRestore();
  return said.join("\n");
}

/** Runs the commands of a block; gives what they said. */
async function runCommands({ label, text, title }: Block): Promise<string> {
  const wanted = Number(/exit=(\d)/.exec(label)?.[1] ?? 0);
  let said = "";
  for (const line of text.trim().split("\n")) {
    const [program, ...words] = line.split(" ");
    expect(program, `${title}: ${line}`).toBe("inlierq");
    const { code, out, err } = await cli(...words);
    expect(code, `${title}: ${line}\n${err}`).toBe(wanted);
    said += `${out}\n${err}\n`;
  }
  return said;
}

/** The reader's editing: what the guide shows may differ from the card that inspect printed in its gaps alone. */
function editCard({ label, text }: Block): void {
  const printed = JSON.parse(readFileSync(label, "utf8")) as Record<string, unknown>;
  const edited = JSON.parse(text) as Record<string, unknown>;
  const open = new Set(gapsOf(printed).map((path) => path.split(".")[0]));
  for (const [key, value] of Object.entries(printed)) if (!open.has(key)) expect(edited[key], key).toEqual(value);
  expect(Object.keys(edited)).toEqual(Object.keys(printed));
  parseCard(edited, label);
  writeFileSync(label, text);
}

test("the guide to one's own detector does what it says", { timeout: 120_000 }, async () => {
  let said = "";
  for (const block of blocks) {
    if (block.language === "js") said = await runScript(block);
    else if (block.language === "sh") said = await runCommands(block);
    else if (block.language === "json" && block.label === "card.json") editCard(block);
    else if (block.language === "text") {
      const lines = said.split("\n").map(shape);
      for (const line of block.text.trimEnd().split("\n")) expect(lines, `${block.title}: ${line}`).toContain(shape(line));
    }
  }
  const inner = {
    ...JSON.parse(readFileSync("card.json", "utf8")),
    ...JSON.parse(blocks.find((b) => b.label === "inner.json")?.text ?? ""),
  };
  writeFileSync("inner.json", JSON.stringify(inner));
  const pictures = ["--images", "test", "--annotations", "test.json"];
  const [whole, cut] = [
    await cli("eval", "detector.onnx", "--card", "card.json", ...pictures),
    await cli("eval", "detector.onnx", "--card", "inner.json", ...pictures),
  ];
  expect([cut.code, cut.out]).toEqual([0, whole.out]);
});

test("the guide runs a command of every step", () => {
  const titles = new Set(blocks.filter((b) => b.language === "sh" || b.language === "js").map((b) => b.title.split(".")[0]));
  expect([...titles]).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
});
