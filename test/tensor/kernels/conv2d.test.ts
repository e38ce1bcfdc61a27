import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rng, randn, type Tensor } from "../../../src/tensor/index.ts";
import { kernels } from "../../../src/tensor/kernels/index.ts";
import { runOnce } from "../../../src/tensor/kernels/placement.ts";
import { type Conv2dAttrs, conv2d, conv2dInputGrad, conv2dWeightGrad } from "../../../src/tensor/ops/conv2d.ts";
import { convTranspose2d } from "../../../src/tensor/ops/convTranspose2d.ts";
import { runs } from "../../runs.ts";
import { expectParity } from "./parity.ts";

interface Case {
  readonly x: readonly [number, number, number, number];
  readonly outChannels: number;
  readonly kernel: readonly [number, number];
  readonly attrs: Conv2dAttrs;
}

/** Runs the convolution, both gradients and the transposed convolution of one geometry. */
function expectAll({ x, outChannels, kernel, attrs }: Case, seed: number): void {
  const rng = new Rng(seed);
  const image = randn(x, rng);
  const weight = randn([outChannels, x[1] / attrs.groups, ...kernel], rng);
  const bias = randn([outChannels], rng);
  expectParity(conv2d.def, [image, weight], attrs);
  expectParity(conv2d.def, [image, weight, bias], attrs);
  const g = randn(conv2d.def.infer([image, weight], attrs)[0]!.shape, rng);
  expectParity(conv2dInputGrad.def, [g, weight], { ...attrs, inputSize: [x[2], x[3]] });
  expectParity(conv2dWeightGrad.def, [image, g], { ...attrs, kernelSize: kernel });
  const outputPadding = [0, 1].map((i) => {
    const natural =
      (g.shape[2 + i]! - 1) * attrs.stride[i]! -
      attrs.padding[2 * i]! -
      attrs.padding[2 * i + 1]! +
      attrs.dilation[i]! * (kernel[i]! - 1) +
      1;
    return x[2 + i]! - natural;
  });
  expectParity(convTranspose2d.def, [g, weight, randn([x[1]], rng)], { ...attrs, outputPadding });
}

const plain: Conv2dAttrs = { stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1 };

/** Depthwise planes wide enough for groups of strips, whole and overlapping, with masked columns on one side or both. */
const wideDepthwise = (
  [
    [3, 1, [1, 1, 1, 1], 48, 1],
    [3, 1, [0, 2, 2, 0], 37, 2],
    [5, 1, [2, 2, 2, 2], 22, 1],
    [7, 1, [6, 0, 1, 7], 19, 1],
    [3, 2, [1, 1, 1, 1], 48, 1],
    [3, 2, [0, 1, 2, 1], 30, 1],
    [5, 2, [2, 1, 1, 3], 27, 2],
    [6, 2, [3, 3, 3, 3], 44, 1],
  ] as const
).map(([kernel, stride, padding, width, multiplier]): readonly [string, Case] => [
  `depthwise ${kernel}x${kernel}, stride ${stride}, ${width} columns, padding ${padding}, ${multiplier} per channel`,
  {
    x: [2, 3, 17, width],
    outChannels: 3 * multiplier,
    kernel: [kernel, kernel],
    attrs: { stride: [stride, stride], padding, dilation: [1, 1], groups: 3 },
  },
]);

describe("convolution kernels", () => {
  test("hold their bound over random geometries", () => {
    const geometry = fc.record({
      batch: fc.integer({ min: 1, max: 2 }),
      groups: fc.integer({ min: 1, max: 3 }),
      channels: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
      kernel: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
      stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
      dilation: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
      padding: fc.tuple(
        ...([0, 1, 2, 3].map(() => fc.integer({ min: 0, max: 3 })) as [
          fc.Arbitrary<number>,
          fc.Arbitrary<number>,
          fc.Arbitrary<number>,
          fc.Arbitrary<number>,
        ]),
      ),
      extra: fc.tuple(fc.integer({ min: 0, max: 19 }), fc.integer({ min: 0, max: 19 })),
      depthwise: fc.boolean(),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(geometry, ({ batch, groups, channels, kernel, stride, dilation, padding, extra, depthwise, seed }) => {
        const size = [0, 1].map((i) => dilation[i]! * (kernel[i]! - 1) + 1 + extra[i]!) as [number, number];
        const inChannels = depthwise ? channels[0] : groups * channels[0];
        const attrs = { stride, dilation, padding, groups: depthwise ? channels[0] : groups };
        const outChannels = depthwise ? channels[0] * (1 + (channels[1] % 2)) : groups * channels[1];
        expectAll({ x: [batch, inChannels, ...size], outChannels, kernel, attrs }, seed);
      }),
      { numRuns: runs(40) },
    );
  });

  const named: readonly (readonly [string, Case])[] = [
    [
      "3x3 with blocks of terms and rows crossed",
      { x: [1, 40, 9, 11], outChannels: 200, kernel: [3, 3], attrs: { ...plain, padding: [1, 1, 1, 1] } },
    ],
    ["1x1 with blocks of columns crossed", { x: [2, 12, 26, 26], outChannels: 7, kernel: [1, 1], attrs: plain }],
    [
      "1x1 strided, where most positions hear no tap",
      { x: [1, 3, 8, 8], outChannels: 2, kernel: [1, 1], attrs: { ...plain, stride: [2, 2] } },
    ],
    [
      "depthwise 5x5 stride 2",
      { x: [1, 6, 26, 26], outChannels: 6, kernel: [5, 5], attrs: { stride: [2, 2], padding: [2, 2, 2, 2], dilation: [1, 1], groups: 6 } },
    ],
    ...wideDepthwise,
    [
      "depthwise 6x7, read in front of the first plane of the memory",
      { x: [1, 5, 34, 7], outChannels: 5, kernel: [6, 7], attrs: { ...plain, padding: [0, 5, 7, 6], groups: 5 } },
    ],
    [
      "8 columns at stride 2",
      { x: [1, 1, 1, 8], outChannels: 1, kernel: [1, 3], attrs: { ...plain, stride: [1, 2], padding: [0, 0, 1, 1] } },
    ],
    ["padding of one side only", { x: [1, 2, 7, 5], outChannels: 3, kernel: [2, 2], attrs: { ...plain, padding: [0, 1, 1, 0] } }],
  ];
  test.each(named)("%s", (_, geometry) => expectAll(geometry, 7));

  test("the same call twice gives the same bits", () => {
    const rng = new Rng(3);
    const inputs = [randn([1, 8, 13, 13], rng), randn([8, 8, 3, 3], rng)];
    const attrs = { ...plain, padding: [1, 1, 1, 1] as const };
    const once = () => runOnce(kernels.conv2d!, inputs, attrs, conv2d.def.infer(inputs, attrs)) as Tensor[];
    const first = once();
    runOnce(
      kernels.conv2d!,
      [randn([1, 8, 40, 40], rng), inputs[1]!],
      attrs,
      conv2d.def.infer([randn([1, 8, 40, 40], rng), inputs[1]!], attrs),
    );
    expect(once()[0]!.data).toEqual(first[0]!.data);
  });

  test("f64 calls run the reference", () => {
    const rng = new Rng(3);
    const inputs = [randn([1, 1, 4, 4], rng, 1, "f64"), randn([1, 1, 3, 3], rng, 1, "f64")];
    expect(runOnce(kernels.conv2d!, inputs, plain, conv2d.def.infer(inputs, plain))).toBeUndefined();
  });
});
