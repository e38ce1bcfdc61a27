import { record } from "../../src/autograd/index.ts";
import { type AnyOp, add, allocate, bind, type Call, type Draw, mul, sum, Tensor, zeros } from "../../src/tensor/index.ts";

export const isFloat = (x: Tensor): boolean => x.dtype === "f32" || x.dtype === "f64";

/** A random cotangent or direction; integer outputs get none. */
export function randomLike(draw: Draw, x: Tensor): Tensor | undefined {
  if (!isFloat(x)) return undefined;
  const data = allocate(x.dtype, x.size);
  for (let i = 0; i < data.length; i++) data[i] = draw.float(-1, 1);
  return new Tensor(x.shape, x.dtype, data);
}

/** a x + b y elementwise, without any op. */
export function lincomb(a: number, x: Tensor | undefined, b: number, y: Tensor | undefined): Tensor {
  const like = (x ?? y) as Tensor;
  const data = allocate(like.dtype, like.size);
  for (let i = 0; i < data.length; i++) data[i] = a * (x?.data[i] ?? 0) + b * (y?.data[i] ?? 0);
  return new Tensor(like.shape, like.dtype, data);
}

export const floatLike = (x: Tensor | undefined, like: Tensor): Tensor => x ?? zeros(like.shape, like.dtype);

/** Sum over pairs of elementwise products; undefined counts as zeros. */
export function dot(xs: readonly (Tensor | undefined)[], ys: readonly (Tensor | undefined)[]): number {
  let total = 0;
  xs.forEach((x, k) => {
    const y = ys[k];
    if (x && y) for (let i = 0; i < x.size; i++) total += x.data[i] * y.data[i];
  });
  return total;
}

export function vjpOf(def: AnyOp): Exclude<AnyOp["vjp"], "none"> {
  if (def.vjp === "none") throw new Error(`${def.name}: must have a derivative to be checked`);
  return def.vjp;
}

type MaybeTensors = readonly (Tensor | undefined)[];

/** Cotangents of all float inputs. */
export function gradientsOf(def: AnyOp, call: Call<unknown>, outputs: readonly Tensor[], u: MaybeTensors): MaybeTensors {
  return vjpOf(def)(u, { ...call, outputs, wants: call.inputs.map(isFloat) });
}

type Multi = (xs: readonly Tensor[]) => MaybeTensors;

/** Numerical <u, J v> by central difference, with the sum of the magnitudes it adds up. */
export function directional(f: Multi, inputs: readonly Tensor[], v: MaybeTensors, u: MaybeTensors): { value: number; scale: number } {
  const h = 1e-5;
  const moved = (t: number) => f(inputs.map((x, k) => (v[k] ? lincomb(1, x, t, v[k]) : x)));
  const [ahead, behind] = [moved(h), moved(-h)];
  let value = 0;
  let scale = 0;
  u.forEach((w, k) => {
    const [a, b] = [ahead[k], behind[k]];
    if (!w || !a || !b) return;
    for (let i = 0; i < w.size; i++) {
      const term = (w.data[i] * (a.data[i] - b.data[i])) / (2 * h);
      value += term;
      scale += Math.abs(term);
    }
  });
  return { value, scale };
}

/** The derivative of the vjp itself, in inputs and cotangents together: by tape and by central difference. */
export function secondOrder(def: AnyOp, call: Call<unknown>, draw: Draw): { analytic: number; numeric: { value: number; scale: number } } {
  const { inputs, attrs } = call;
  const outputs = bind(def, inputs, attrs);
  const u = outputs.map((y) => randomLike(draw, y)).filter((t) => t !== undefined);
  const w = inputs.map((x) => randomLike(draw, x));
  const point = [...inputs, ...u];
  const direction = point.map((x) => randomLike(draw, x));
  const pulled: Multi = (xs) => {
    const at = { inputs: xs.slice(0, inputs.length), attrs };
    return gradientsOf(def, at, bind(def, at.inputs, attrs), xs.slice(inputs.length));
  };
  const { value: root, tape } = record(() => {
    const terms = pulled(point).flatMap((g, k) => (g && w[k] ? [sum(mul(g, w[k]))] : []));
    return terms.reduce<Tensor | undefined>((a, b) => (a ? add(a, b) : b), undefined);
  });
  const numeric = directional(pulled, point, direction, w);
  if (!root) return { analytic: 0, numeric };
  const seen = new Set(tape.entries.flatMap((e) => e.inputs));
  const wrt = point.filter((x) => seen.has(x) && isFloat(x));
  const found = tape.vjp(root, wrt);
  const aligned = point.map((x) => found[wrt.indexOf(x)]);
  return { analytic: dot(aligned, direction), numeric };
}
