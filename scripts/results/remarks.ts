/** What the tables of all methods show and their numbers do not explain, with what was tried; by model and scheme. */
export const REMARKS: Readonly<Record<string, readonly string[]>> = {};
