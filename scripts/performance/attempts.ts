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
