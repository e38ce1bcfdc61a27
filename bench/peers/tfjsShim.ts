import type { Tfjs, Theirs } from "./tfjs.ts";

interface Call {
  readonly inputs: { readonly x: unknown; readonly dy: unknown };
  readonly attrs: { readonly strides: number | readonly number[]; readonly pad: "same" | number; readonly filterShape: readonly number[] };
}

/**
 * The kernel Conv2DBackpropFilter, which the WebAssembly backend as published does not have: without it no convolution can be
 * trained there. Made of its own fastest operations, one (strided) slice and one matMul for each tap of the filter: its best
 * case, not what a user has.
 */
export function addFilterGradient(tf: Tfjs): void {
  const known = (x: unknown): Theirs => (x instanceof tf.Tensor ? x : tf.engine().makeTensorFromTensorInfo(x));
  tf.registerKernel({
    kernelName: "Conv2DBackpropFilter",
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs: { strides, pad, filterShape } }: Call) => {
      const [x, dy] = [known(inputs.x), known(inputs.dy)];
      const stride = typeof strides === "number" ? strides : strides[0]!;
      const [kh, kw, channels, filters] = filterShape as [number, number, number, number];
      const [batch, height, width] = x.shape as [number, number, number];
      const [, oh, ow] = dy.shape as [number, number, number];
      /** Zeros before and after one dimension. */
      const edges = (size: number, out: number, kernel: number): [number, number] => {
        if (pad !== "same") return [pad, pad];
        const total = Math.max((out - 1) * stride + kernel - size, 0);
        return [total >> 1, total - (total >> 1)];
      };
      return tf.tidy(() => {
        const padded = tf.pad(x, [[0, 0], edges(height, oh, kh), edges(width, ow, kw), [0, 0]]);
        const g = tf.reshape(dy, [-1, filters]);
        const taps = Array.from({ length: kh * kw }, (_, i) => {
          const begin = [0, Math.floor(i / kw), i % kw, 0];
          const end = [batch, begin[1]! + (oh - 1) * stride + 1, begin[2]! + (ow - 1) * stride + 1, channels];
          const part =
            stride === 1 ? tf.slice(padded, begin, [batch, oh, ow, channels]) : tf.stridedSlice(padded, begin, end, [1, stride, stride, 1]);
          return tf.matMul(tf.reshape(part, [-1, channels]), g, true, false);
        });
        return tf.reshape(tf.stack(taps), filterShape);
      });
    },
  });
}
