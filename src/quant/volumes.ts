/**
 * How a tensor of one sample splits into volumes: [1,C,h,w] into h*w pixels of C channels, [1,Q,D]
 * and [M,D] into rows of D features (algorithms of InlierQ section 4.2 work on volumes).
 */
export interface Volumes {
  readonly count: number;
  readonly channels: number;
  /** Element of channel c in volume p: c * channelStride + p * positionStride. */
  readonly channelStride: number;
  readonly positionStride: number;
}

export function volumesOf(shape: readonly number[]): Volumes {
  if (shape.length >= 4) {
    const count = shape.slice(2).reduce((a, d) => a * d, shape[0]);
    return { count, channels: shape[1], channelStride: count, positionStride: 1 };
  }
  const channels = shape[shape.length - 1];
  const count = shape.slice(0, -1).reduce((a, d) => a * d, 1);
  return { count, channels, channelStride: 1, positionStride: channels };
}
