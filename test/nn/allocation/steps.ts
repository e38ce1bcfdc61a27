import type { Parameters } from "../../../src/nn/index.ts";

/** Arguments: "replayed" or "eager", and a number of steps. Prints what replayed optimisation steps leave on the heap, and how many typed arrays they make. */
let arrays = 0;
for (const name of ["Float32Array", "Float64Array", "Int32Array", "Uint8Array"] as const) {
  const original = globalThis[name] as unknown as new (...args: unknown[]) => object;
  const counted = new Proxy(original, {
    construct(target, args, self) {
      arrays++;
      return Reflect.construct(target, args, self) as object;
    },
  });
  Object.assign(globalThis, { [name]: counted });
  // `slice` and `map` make what the constructor of the prototype makes.
  Object.assign(original.prototype as object, { constructor: counted });
}

const { adam, bceWithLogits, Conv2d, descend, parameters, Sequential, withParameters, Activation } = await import(
  "../../../src/nn/index.ts"
);
const { Rng, randn, relu, zeros } = await import("../../../src/tensor/index.ts");

const rng = new Rng("allocation");
const net = new Sequential([
  new Conv2d(randn([8, 3, 3, 3], rng), zeros([8]), { padding: 1 }),
  new Activation(relu),
  new Conv2d(randn([1, 8, 1, 1], rng), zeros([1])),
]);
const batches = [0, 1, 2].map(() => ({ x: randn([2, 3, 8, 8], rng), y: zeros([2, 1, 8, 8]) }));
const batch = (step: number) => batches[step % batches.length]!;
const loss = (params: Parameters, { x, y }: (typeof batches)[number]) => bceWithLogits(withParameters(net, params).forward(x), y);
const options = { optimizer: adam(), lr: 1e-3, steps: 1e9, clipNorm: 1 };
const steps =
  process.argv[2] === "replayed"
    ? descend(loss, parameters(net), { ...options, batch })
    : descend((params, step) => loss(params, batch(step)), parameters(net), options);

const collect = (globalThis as unknown as { gc(): void }).gc;
const advance = (count: number): void => {
  for (let i = 0; i < count; i++) steps.next();
};
const STEPS = Number(process.argv[3]);
// What the engine compiles and caches comes first; the list of losses grows by doubling, and does so here.
advance(2 * STEPS);
collect();
const [before, made] = [process.memoryUsage(), arrays];
advance(STEPS);
collect();
const after = process.memoryUsage();
console.log(
  JSON.stringify({
    ...{ arrays: (arrays - made) / STEPS, heap: (after.heapUsed - before.heapUsed) / STEPS },
    external: (after.external + after.arrayBuffers - before.external - before.arrayBuffers) / STEPS,
  }),
);
