export { centernet } from "./centernet.ts";
export { dbnet } from "./dbnet.ts";
export { fastestdet } from "./fastestdet.ts";
export { ultraface } from "./ultraface.ts";
export { yolox } from "./yolox.ts";
export { yunet } from "./yunet.ts";
