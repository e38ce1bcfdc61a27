/** Fewest single-character insertions, deletions and replacements that turn one word into the other (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}

/** Longer words are no slips of the pen; comparing them would take the product of their lengths. */
const LONGEST = 200;
/** Candidates listed in a message, at most. */
const LISTED = 20;

/** The candidate that a mistyped word most likely meant; undefined when none is close. Upper and lower case count alike. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  let best: string | undefined;
  let least = Math.max(2, Math.floor(word.length / 2)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** What to add to a message about an unknown word: the nearest valid one, or the whole list. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const list = [...candidates];
  const guess = nearest(word, list);
  if (guess !== undefined) return `did you mean "${guess}"?`;
  const rest = list.length > LISTED ? ` and ${list.length - LISTED} more` : "";
  return `one of ${list.slice(0, LISTED).map(shortened).join(", ")}${rest}`;
}

const shortened = (name: string): string => (name.length > LONGEST ? `${name.slice(0, LONGEST)}...` : name);
