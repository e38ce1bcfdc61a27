/** What the tables of all methods show and their numbers do not explain, with what was tried; by model and scheme. */
export const REMARKS: Readonly<Record<string, readonly string[]>> = {
  "fastestdet-352 W4A8": [
    "Below min-max here, and why. regptq and pdquant send every step through the rest of the network and get 23 and 38 steps a unit in this time; with " +
      "160 s (seed 0) they take 263 and 284 and reach 49.2 and 48.9. lidarptq does so layer by layer and gets 5. Without logarithmic grids regptq has 47.0 " +
      'in 40 s (seed 0, `"logAffine": "none"`, against 44.7), so that they are not the reason alone. subsetq starts from one scale a layer, as its source ' +
      "does, which suits depthwise layers badly; with scales fitted to each channel in its place (tried, not built in) it has 48.7 (seed 0, against 40.8).",
  ],
  "yolox-nano-416 W4A8": [
    "mse and min-max differ by less than a box here: weights rounded to nearest lose most of what is lost, which no range takes back.",
  ],
};
