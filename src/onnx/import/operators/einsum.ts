import type { Operand } from "../../../graph/index.ts";
import { expand, indexSelect, matmul, permute, sizeOf, sum, Tensor } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";

/** A tensor whose axes have names. */
interface Named {
  readonly x: Operand;
  readonly axes: readonly string[];
}

/** Names of the axes of a term; those behind an ellipsis are numbered from the last. */
function axesOf(call: NodeCall, term: string, rank: number): string[] {
  const [before, after, more] = term.split("...");
  if (more !== undefined || !/^[A-Za-z]*$/.test(before + (after ?? "")))
    call.fail(`equation must be letters with one ellipsis a term, got "${term}"`);
  const covered = rank - before.length - (after ?? "").length;
  if (covered < 0 || (after === undefined && covered > 0)) call.fail(`term "${term}" must name ${rank} axes`);
  return [...before, ...Array.from({ length: covered }, (_, i) => String(covered - 1 - i)), ...(after ?? "")];
}

const isNumbered = (axis: string): boolean => /^\d+$/.test(axis);

/** The terms of the equation with their axes; without an arrow the output is the ellipsis, then the letters that occur once. */
function readEquation(call: NodeCall): { inputs: Named[]; output: readonly string[] } {
  const [left, right] = call.attributes.string("equation", "").replaceAll(" ", "").split("->");
  const terms = left.split(",");
  if (terms.length !== call.inputs.length) call.fail(`equation must have ${call.inputs.length} terms, got ${terms.length}`);
  const inputs = call.inputs.map((x, i): Named => ({ x, axes: axesOf(call, terms[i], x.meta.shape.length) }));
  const letters = inputs.flatMap(({ axes }) => axes);
  const covered = [...new Set(letters.filter(isNumbered))].sort((a, b) => Number(b) - Number(a));
  if (right === undefined) {
    const once = letters.filter((a) => !isNumbered(a) && letters.indexOf(a) === letters.lastIndexOf(a)).sort();
    return { inputs, output: [...covered, ...once] };
  }
  const [before, after] = right.split("...");
  const output = [...before, ...(after === undefined ? [] : [...covered, ...after])];
  const wrong = output.find((a, i) => !letters.includes(a) || output.indexOf(a) !== i);
  if (wrong !== undefined) call.fail(`the output must name axes of the inputs once each, got "${wrong}" in "${right}"`);
  return { inputs, output };
}

/** Takes the diagonal of axes of one name until every name occurs once. */
function distinct(call: NodeCall, { x, axes }: Named, label: string): Named {
  const second = axes.findIndex((a, i) => axes.indexOf(a) !== i);
  if (second < 0) return { x, axes };
  const first = axes.indexOf(axes[second]);
  const others = axes.map((_, i) => i).filter((i) => i !== first && i !== second);
  const { shape } = x.meta;
  const side = shape[first];
  if (shape[second] !== side) call.fail(`axes "${axes[second]}" must have one length, got ${side} and ${shape[second]}`);
  const last = call.emit(`${label}Last`, permute, [x], { perm: [...others, first, second] });
  const flat = call.shaped(`${label}Flat`, last, [...others.map((i) => shape[i]), side * side]);
  call.makeRoom(side);
  const index = new Tensor(
    [side],
    "i32",
    Int32Array.from({ length: side }, (_, k) => k * (side + 1)),
  );
  const line = call.emit(`${label}Diagonal`, indexSelect, [flat, call.own(`${label}Index`, index)], { dim: others.length });
  return distinct(call, { x: line, axes: [...others.map((i) => axes[i]), axes[first]] }, `${label}D`);
}

/** Sums over the axes that are not among `kept`. */
function summed(call: NodeCall, { x, axes }: Named, kept: ReadonlySet<string>, label: string): Named {
  const dim = axes.flatMap((a, i) => (kept.has(a) ? [] : [i]));
  if (dim.length === 0) return { x, axes };
  return { x: call.emit(`${label}Sum`, sum, [x], { dim, keepdim: false }), axes: axes.filter((a) => kept.has(a)) };
}

/** The axes in another order, those of length 1 repeated to `sizes`, grouped into the three parts of a product. */
function arranged(
  call: NodeCall,
  { x, axes }: Named,
  parts: readonly (readonly string[])[],
  sizes: ReadonlyMap<string, number>,
  label: string,
): Operand {
  const order = parts.flat();
  const perm = order.map((a) => axes.indexOf(a));
  const turned = perm.every((p, i) => p === i) ? x : call.emit(`${label}Turned`, permute, [x], { perm });
  const size = (a: string): number => sizes.get(a) ?? 1;
  const full = order.map(size);
  const spread = full.every((d, i) => d === turned.meta.shape[i]) ? turned : call.emit(`${label}Spread`, expand, [turned], { shape: full });
  const [batch, ...rest] = parts;
  return call.shaped(`${label}Grouped`, spread, [...batch.map(size), ...rest.map((part) => sizeOf(part.map(size)))]);
}

/** The product of two tensors, summed over the axes that are not among `kept`. */
function product(call: NodeCall, a: Named, b: Named, kept: ReadonlySet<string>, label: string): Named {
  const left = summed(call, a, new Set([...kept, ...b.axes]), `${label}a`);
  const right = summed(call, b, new Set([...kept, ...a.axes]), `${label}b`);
  const shared = left.axes.filter((axis) => right.axes.includes(axis));
  const [batch, inner] = [shared.filter((axis) => kept.has(axis)), shared.filter((axis) => !kept.has(axis))];
  const own = ({ axes }: Named): string[] => axes.filter((axis) => !shared.includes(axis));
  const sizes = new Map<string, number>();
  for (const { x, axes } of [left, right]) axes.forEach((axis, i) => sizes.set(axis, Math.max(sizes.get(axis) ?? 0, x.meta.shape[i])));
  const factors = [
    arranged(call, left, [batch, own(left), inner], sizes, `${label}a`),
    arranged(call, right, [batch, inner, own(right)], sizes, `${label}b`),
  ];
  const axes = [...batch, ...own(left), ...own(right)];
  const y = call.emit(`${label}Product`, matmul, factors, {});
  return {
    x: call.shaped(
      `${label}Apart`,
      y,
      axes.map((axis) => sizes.get(axis) ?? 1),
    ),
    axes,
  };
}

const einsum: OperatorRow = {
  type: "Einsum",
  build(call) {
    const { inputs, output } = readEquation(call);
    const [first, ...rest] = inputs.map((named, i) => distinct(call, named, `term${i}`));
    const joined = rest.reduce((a, b, i) => {
      const kept = new Set([...output, ...rest.slice(i + 1).flatMap(({ axes }) => axes)]);
      return product(call, a, b, kept, `step${i}`);
    }, first);
    const { x, axes } = summed(call, joined, new Set(output), "last");
    call.write(permute, [x], { perm: output.map((a) => axes.indexOf(a)) });
  },
};

export const einsumRows: readonly OperatorRow[] = [einsum];
