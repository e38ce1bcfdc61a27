/** What was tried for targets that are missed, as the page tells it while one of them is. */
export interface Attempt {
  /** Matches the targets it is about. */
  readonly targets: RegExp;
  readonly about: string;
  readonly tried: string;
}

export const ATTEMPTS: readonly Attempt[] = [
  {
    targets: /^sgemm 1024/,
    about: "sgemm 1024",
    tried:
      "going through 256 and 512 terms at a time in place of 1024, and through 96, 128 and 256 packed rows in place of 64: the medians of " +
      "interleaved runs lie within 3 % of one another, less than the runs differ among themselves. The packed operands of this size do not " +
      "fit the second-level cache, so it is the row that feels other users of the third level first.",
  },
  {
    targets: /forward\+backward: time over|share of the rate of|2 threads against 1|replay against eager|W4A8 against integer/,
    about: "Ratios of rows that miss by a few per cent",
    tried:
      "rows are timed one after the other within a round, and this machine's rate changes by a third from one second to the next. The two " +
      "gradients of a convolution, timed call by call in turns with the forward, take 1.0 to 1.2 times its time each. Medians over more and " +
      "longer rounds move these figures to either side of their targets, and 4-bit weights to either side of 8-bit ones, whose code differs " +
      "in unpacking alone.",
  },
  {
    targets: /integer W8A8 against own f32$/,
    about: "The integer stack",
    tried:
      "products of pairs of i16 with sums of pairs in one instruction, panels packed once for all rows, requantization while the tile is in " +
      "registers, look-up tables for activations, layers that hand on codes without a float between them. The best calls of longer runs come " +
      "near 1.8 times, the medians do not: the f32 product gained since this target was set, and the limit of i16 products is twice that of f32.",
  },
  {
    targets: /^quantize .*: time$/,
    about: "The main job",
    tried:
      "pictures decoded on all threads, saliency computed in the recorded program right behind each gradient, chains run on each piece of the " +
      "convolution before them, refinement by whole pieces in growing waves, pools and sums of small maps shared out; each gave the same " +
      "bytes in less processor time. Giving each thread the same part of every map, depthwise convolutions cut in bands of rows and longer " +
      "spinning of the workers made no difference that could be measured and were taken out again. About a third of the time is left to one " +
      "thread (decoded boxes, gathered rows, observers, garbage collection), and the gradient pass runs twice, because the rows that " +
      "refinement looks at are chosen once the mixtures are known.",
  },
];
