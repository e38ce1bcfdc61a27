import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FOLDER, reference } from "../../scripts/api/render.ts";
import { gaps } from "../../scripts/api/rules.ts";
import { ROOT, surface } from "../../scripts/api/surface.ts";

const pages = surface();
const written = reference(pages);

describe("the API reference", () => {
  test("every subpath has a page, and every comment says what the rules ask for", () => {
    const missing = gaps(pages);
    expect(missing.map(({ where, rule }) => `${where}: ${rule}`)).toEqual([]);
  });

  test("is what the comments say: run npm run docs:api", () => {
    expect(readdirSync(join(ROOT, FOLDER)).sort()).toEqual([...written.keys()].sort());
    // Whole pages that differ are not printed.
    const stale = [...written].filter(([name, text]) => readFileSync(join(ROOT, FOLDER, name), "utf8") !== text);
    expect(stale.map(([name]) => `${FOLDER}/${name} is stale: run npm run docs:api`)).toEqual([]);
  });

  test("links only to what is there", () => {
    const anchors = new Map(
      [...written].map(([name, text]) => {
        const taken = new Map<string, number>();
        const slugs = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => {
          const slug = heading
            .toLowerCase()
            .replace(/[^\w -]/g, "")
            .replaceAll(" ", "-");
          const used = taken.get(slug) ?? 0;
          taken.set(slug, used + 1);
          return used === 0 ? slug : `${slug}-${used}`;
        });
        return [name, new Set(slugs)];
      }),
    );
    const broken = [...written].flatMap(([name, text]) =>
      [...text.matchAll(/\]\(([\w./-]*?)(?:#([\w-]+))?\)/g)].flatMap(([link, page, anchor]) => {
        if (page.startsWith("../../")) return [];
        const found = anchors.get(page === "" ? name : page);
        return found && (anchor === undefined || found.has(anchor)) ? [] : [`${name}: ${link}`];
      }),
    );
    expect(broken).toEqual([]);
  });
});
