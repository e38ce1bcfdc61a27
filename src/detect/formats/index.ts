export { centernet } from "./centernet.ts";
export { fastestdet } from "./fastestdet.ts";
export { yolox } from "./yolox.ts";
