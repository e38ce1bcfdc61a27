/** What the tables of all methods show and their numbers do not explain, with what was tried; by model and scheme. */
export const REMARKS: Readonly<Record<string, readonly string[]>> = {
  "yolox-nano-416 W4A8": [
    "mse and min-max differ by less than a box here: weights rounded to nearest lose most of what is lost, which no range takes back.",
  ],
};
