import { permute } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";

/** The input, four axes, and the side of a block. */
function readBlocks(call: NodeCall) {
  const x = call.input(0);
  const side = call.attributes.int("blocksize", 0);
  if (x.meta.shape.length !== 4 || !(side >= 1))
    call.fail(`input must have 4 axes and blocksize be at least 1, got ${x.meta.shape.length} and ${side}`);
  return { x, side, shape: x.meta.shape };
}

/** Channels of one pixel become a block of pixels: the block's position varies slowest in DCR mode, fastest in CRD. */
const depthToSpace: OperatorRow = {
  type: "DepthToSpace",
  build(call) {
    const { x, side, shape } = readBlocks(call);
    const [n, c, h, w] = shape;
    const mode = call.attributes.string("mode", "DCR");
    if (mode !== "DCR" && mode !== "CRD") call.fail(`mode must be DCR or CRD, got ${mode}`);
    const channels = c / side ** 2;
    if (!Number.isInteger(channels)) call.fail(`blocksize squared must divide the ${c} channels, got ${side}`);
    const split = mode === "DCR" ? [n, side, side, channels, h, w] : [n, channels, side, side, h, w];
    const perm = mode === "DCR" ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
    const turned = call.emit("turned", permute, [call.shaped("split", x, split)], { perm });
    call.settle(call.shaped("merged", turned, [n, channels, h * side, w * side]));
  },
};

/** Blocks of pixels become channels of one pixel. */
const spaceToDepth: OperatorRow = {
  type: "SpaceToDepth",
  build(call) {
    const { x, side, shape } = readBlocks(call);
    const [n, c, h, w] = shape;
    if (h % side !== 0 || w % side !== 0) call.fail(`blocksize must divide height ${h} and width ${w}, got ${side}`);
    const split = call.shaped("split", x, [n, c, h / side, side, w / side, side]);
    const turned = call.emit("turned", permute, [split], { perm: [0, 3, 5, 1, 2, 4] });
    call.settle(call.shaped("merged", turned, [n, c * side ** 2, h / side, w / side]));
  },
};

export const blockRows: readonly OperatorRow[] = [depthToSpace, spaceToDepth];
