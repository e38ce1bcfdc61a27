/**
 * Texts out of files as people may see them: nothing that moves a terminal's cursor, ends a line or turns the direction of
 * reading, and nothing longer than a person reads.
 */

/** Control characters, line and paragraph separators, halves of pairs, bidirectional controls, invisible tags. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\u{FEFF}\u{E0000}-\u{E007F}]/gu;

const codeOf = (character: string): string => (character.codePointAt(0) as number).toString(16);

/** The text in one line, with every character that is not seen as its code: a line break as "\u{a}". */
export const visible = (text: string): string => text.replace(UNSEEN, (character) => `\\u{${codeOf(character)}}`);

/** Characters of a name that a table or a drawing shows at most. */
const LONGEST_NAME = 200;

/** A text of at most `longest` characters, without half a pair at its end; "..." and the true length stand for the rest. */
function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest).replace(/[\uD800-\uDBFF]$/, "")}... (${text.length} characters)`;
}

/** A name as `visible` writes it, cut where it is longer than `longest`. */
export const shownName = (name: string, longest = LONGEST_NAME): string => visible(shortened(name, longest));

/** JSON that a terminal may print: the same value, with every unseen character as its escape. `indent` as JSON.stringify has it. */
export const shownJson = (value: unknown, indent?: number): string =>
  (JSON.stringify(value, null, indent) ?? "null").replace(UNSEEN, (character) => (character === "\n" ? character : escaped(character)));

/** Every 16-bit unit as JSON writes it. */
const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`).join("");

/** How much of a value a message shows: levels, entries of a list or an object, characters of a text. */
const SHOWN = { levels: 3, entries: 12, text: 100 } as const;

/** A value read from JSON as a message shows it: as JSON writes it where it is small, else its beginning. */
export function shownValue(value: unknown, levels: number = SHOWN.levels): string {
  if (typeof value === "string")
    return value.length > SHOWN.text ? `${JSON.stringify(value.slice(0, SHOWN.text))}...` : JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (levels === 0) return `${open}...${close}`;
  const parts: string[] = [];
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    if (parts.length === SHOWN.entries) {
      parts.push("...");
      break;
    }
    const inner = shownValue((value as Record<string, unknown>)[key], levels - 1);
    parts.push(Array.isArray(value) ? inner : `${shownValue(key)}:${inner}`);
  }
  return `${open}${parts.join(",")}${close}`;
}
