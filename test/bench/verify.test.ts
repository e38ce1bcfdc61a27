import { expect, test } from "vitest";
import { eager } from "../../bench/ours/eager.ts";
import { VARIANTS } from "../../bench/ours/variants.ts";
import { verify } from "../../bench/ours/verify.ts";
import { PROBLEMS, type Problem } from "../../bench/problems.ts";
import type { Solution } from "../../bench/solver.ts";

const problem = PROBLEMS.find(({ id }) => id === "sgemm 64") as Problem;
const inputs = problem.inputs();
const solved = eager.matmul!({ kind: "matmul", n: 64 }, inputs) as Solution;

test("inputs are seeded", () => {
  expect(problem.inputs().a!.data).toEqual(inputs.a!.data);
});

test("names of problems and variants are unique", () => {
  for (const names of [PROBLEMS.map(({ id }) => id), VARIANTS.map(({ name }) => name)]) expect(new Set(names).size).toBe(names.length);
});

test("op calls are held to the reference loops, whose time is told", async () => {
  expect(await verify("sgemm 64", problem, inputs, solved)).toBeGreaterThan(0);
});

test("a wrong output and one that nothing can be held to are refused", async () => {
  const outputs = await solved.outputs();
  const first = { outputs, tolerance: 0 };
  const constant = (values: Float32Array): Solution => ({ run: () => values, outputs: () => [values] });
  const right = Float32Array.from(outputs[0]!);
  expect(await verify("copy", problem, inputs, constant(right), first)).toBeUndefined();
  await expect(verify("alone", problem, inputs, constant(right))).rejects.toThrow("alone: the output must be verified");
  const wrong = right.map((v) => v * 1.001);
  await expect(verify("wrong", problem, inputs, constant(wrong), first)).rejects.toThrow(/^wrong: output 0 must lie within 0/);
});
