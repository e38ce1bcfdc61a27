import { describeMethods, type MethodDescription } from "../job/index.ts";
import type { Need } from "../quant/index.ts";
import type { Command } from "./command.ts";
import { EXIT } from "./io.ts";
import { columns, jsonText } from "./text.ts";

const NEEDS: Readonly<Record<Need, string>> = {
  scores: "class scores (a detector card)",
  boxes: "boxes where the card has any",
  blocks: "blocks in the graph",
  normalisations: "batch normalisations that were not folded before export",
};

/** `inlierq methods`: what there is to choose from, out of the records of the methods. */
export const methodsCommand: Command = {
  name: "methods",
  about: "list the methods: what each does, where it is from, its options and what it needs",
  operands: [],
  flags: { json: { type: "boolean", about: "print JSON" } },
  examples: ["inlierq methods", "inlierq methods --json"],
  run({ values, io }) {
    const all = describeMethods();
    io.out(values.json === true ? jsonText(all) : `${all.map(textOf).join("\n\n")}\n\n${OPTIONS}\n`);
    return Promise.resolve(EXIT.done);
  },
};

/** How options are set. */
const OPTIONS = 'Options go into a configuration file by the name of the method: { "method": "mse", "mse": { "p": 2 } } (--config FILE).';

function textOf({ name, cite, about, options, needs }: MethodDescription): string {
  const rows = options.map((o) => [`    ${o.name}`, o.values, `default ${String(o.default)}`]);
  return [
    `${name}: ${about}`,
    `  from ${cite}`,
    `  needs ${needs.map((need) => NEEDS[need]).join(", ") || "nothing"}`,
    ...(rows.length > 0 ? ["  options", columns(rows, "words")] : ["  no options"]),
  ].join("\n");
}
