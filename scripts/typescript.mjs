/** Lets a worker load TypeScript, with `--import` of this file: tsx by itself does so for main threads only. */
import { register } from "tsx/esm/api";

register();
