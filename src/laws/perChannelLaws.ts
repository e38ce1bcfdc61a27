import { blockOf, channelAt, channelsOf, type FixedQuantizer } from "./fixedQuantizer.ts";
import type { Law, Violation } from "./law.ts";
import { firstWrong, onBlocks, permutes } from "./quantizerLaws.ts";

const hasAxis = ({ axis = null }: FixedQuantizer): boolean => axis !== null;
const GRANULARITY = "Krishnamoorthi 2018, section 2.4: per-channel quantization";

const independent = onBlocks<FixedQuantizer>(
  { name: "treats each channel as if the others were zero", source: GRANULARITY, applies: hasAxis },
  (quantizer, block, y) => {
    for (let c = 0; c < Math.min(channelsOf(quantizer), MOST); c++) {
      const alone = { ...block, x: block.x.map((v, i) => (channelAt(quantizer, block.shape, i) === c ? v : 0)) };
      const own = quantizer.fakeQuant(alone.x, alone.shape);
      const found = firstWrong(quantizer, alone, (i) =>
        channelAt(quantizer, block.shape, i) !== c || own[i] === y[i]
          ? undefined
          : { must: `fakeQuant(x) must be ${y[i]}, as beside other channels`, got: `${own[i]}` },
      );
      if (found) return found;
    }
    return undefined;
  },
);

/** Channels tried one by one. */
const MOST = 4;

const slices = onBlocks<FixedQuantizer>(
  {
    name: "is per channel what it is per tensor on each slice",
    source: GRANULARITY,
    applies: (q) => hasAxis(q) && q.channel !== undefined,
  },
  (quantizer, block, y): Violation | undefined => {
    for (let c = 0; c < Math.min(channelsOf(quantizer), MOST); c++) {
      const members = Array.from(block.x.keys()).filter((i) => channelAt(quantizer, block.shape, i) === c);
      const x = Float32Array.from(members, (i) => block.x[i]);
      const own = quantizer.channel?.(c).fakeQuant(x, [x.length]) ?? [];
      const at = new Map(members.map((i, k) => [i, own[k]]));
      const found = firstWrong(quantizer, block, (i) =>
        !at.has(i) || at.get(i) === y[i]
          ? undefined
          : { must: `fakeQuant(x) must be ${at.get(i)}, that of channel ${c} alone`, got: `${y[i]}` },
      );
      if (found) return found;
    }
    return undefined;
  },
);

const shapeKept = onBlocks<FixedQuantizer>(
  { name: "does not care how many entries stand before and behind the axis", source: GRANULARITY, applies: hasAxis },
  (quantizer, _, __) => {
    const wide = blockOf(quantizer, [0.4]);
    const y = quantizer.fakeQuant(wide.x, wide.shape);
    const axis = quantizer.axis ?? 0;
    const shape = wide.shape.map((d, i) => (i === axis ? d : 1));
    const first = new Map<number, number>();
    for (let i = 0; i < wide.x.length; i++) {
      const c = channelAt(quantizer, wide.shape, i);
      if (!first.has(c)) first.set(c, i);
    }
    const narrow = { x: Float32Array.from(first.values(), (i) => wide.x[i]), shape };
    const own = quantizer.fakeQuant(narrow.x, shape);
    const at = [...first.values()];
    return firstWrong(quantizer, narrow, (c) =>
      own[c] === y[at[c]]
        ? undefined
        : { must: `fakeQuant(x) must be ${y[at[c]]}, as in shape [${wide.shape.join(",")}]`, got: `${own[c]}` },
    );
  },
);

/** What parameters along an axis mean; none applies to a quantizer without one. */
export const perChannelLaws: readonly Law<FixedQuantizer>[] = [{ ...permutes, applies: hasAxis }, independent, slices, shapeKept];
