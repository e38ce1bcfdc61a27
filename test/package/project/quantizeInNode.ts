import { quantize } from "inlierq";
import { demoModel, demoScenes } from "inlierq/node";
import { OPTIONS, outcomeOf, SCENES } from "./outcome.js";

const { graph, card } = demoModel();
console.log(JSON.stringify(outcomeOf(await quantize(graph, { ...OPTIONS, card, samples: demoScenes("calibrate", SCENES) }))));
