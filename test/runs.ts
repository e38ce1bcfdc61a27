/** How often a property with a number of its own is tried: `n` times, and 20 times as often under `npm run test:deep`. */
export const runs = (n: number): number => (process.env.INLIERQ_DEEP === "1" ? 20 * n : n);
