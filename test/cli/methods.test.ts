import { expect, it } from "vitest";
import type { MethodDescription } from "../../src/job/index.ts";
import { methods } from "../../src/quant/index.ts";
import { cli } from "./bench.ts";

it("inlierq methods lists every method with its options and needs", async () => {
  const { code, out, err } = await cli("methods");
  expect([code, err]).toEqual([0, ""]);
  for (const name of Object.keys(methods)) expect(out).toMatch(new RegExp(`^${name}: [A-Z].*\\.$`, "m"));
  expect(out).toMatch(/^ {4}separator +em \| kmeans \| svm +default em$/m);
  expect(out).toMatch(/^ {4}rho +number in \[0, 1\] +default 0\.1$/m);
  expect(out).toMatch(/^ {4}adam\.steps +whole number >= 1 +default 100$/m);
});

it("inlierq methods --json says what each needs, as its parts do", async () => {
  const { out } = await cli("methods", "--json");
  const all = JSON.parse(out) as MethodDescription[];
  const needs = Object.fromEntries(all.map((m) => [m.name, m.needs]));
  expect(Object.keys(needs)).toEqual(Object.keys(methods));
  expect(needs).toMatchObject({
    inlierq: ["scores"],
    minmax: [],
    adaround: [],
    qdrop: ["blocks"],
    brecq: ["blocks"],
    lidarptq: ["scores", "boxes"],
    regptq: ["scores", "boxes", "blocks"],
  });
});
