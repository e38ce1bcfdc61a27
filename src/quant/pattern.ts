/** True when `name` matches `pattern`; `*` stands for any run of characters, all else is literal. */
export function matchesPattern(pattern: string, name: string): boolean {
  const literal = pattern.split("*").map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${literal.join(".*")}$`, "s").test(name);
}

export const matchesAny = (patterns: readonly string[], name: string): boolean => patterns.some((p) => matchesPattern(p, name));
