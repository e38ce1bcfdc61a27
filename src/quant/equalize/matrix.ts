import { Rng } from "../../tensor/index.ts";

/** A matrix in double precision, row-major. */
export interface Matrix {
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns. */
  readonly columns: number;
  /** Row-major: [rows, columns]. */
  readonly data: Float64Array;
}

/** Square root of the sum of squares. */
export function frobeniusNorm({ data }: Pick<Matrix, "data">): number {
  let sum = 0;
  for (const v of data) sum += v * v;
  return Math.sqrt(sum);
}

/** a · b. Shape: [M, K] and [K, N] → [M, N]. */
export function product(a: Matrix, b: Matrix): Matrix {
  const data = new Float64Array(a.rows * b.columns);
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.columns; k++) {
      const factor = a.data[i * a.columns + k];
      for (let j = 0; j < b.columns; j++) data[i * b.columns + j] += factor * b.data[k * b.columns + j];
    }
  }
  return { rows: a.rows, columns: b.columns, data };
}

/** aᵀ. Shape: [M, N] → [N, M]. */
export function transposed({ rows, columns, data }: Matrix): Matrix {
  const turned = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j];
  return { rows: columns, columns: rows, data: turned };
}

/** Orthonormal rows that span the rows of a; a row that depends on those above becomes 0. */
function orthonormalRows({ rows, columns, data }: Matrix): Matrix {
  const q = data.slice();
  for (let i = 0; i < rows; i++) {
    const row = q.subarray(i * columns, (i + 1) * columns);
    const before = frobeniusNorm({ data: row });
    // Twice is enough: what rounding leaves of the first pass goes with the second.
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < i; k++) {
        const other = q.subarray(k * columns, (k + 1) * columns);
        let dot = 0;
        for (let j = 0; j < columns; j++) dot += row[j] * other[j];
        for (let j = 0; j < columns; j++) row[j] -= dot * other[j];
      }
    }
    const norm = frobeniusNorm({ data: row });
    const scale = norm > before * 2 ** -40 ? 1 / norm : 0;
    for (let j = 0; j < columns; j++) row[j] *= scale;
  }
  return { rows, columns, data: q };
}

/** Eigenvectors of a symmetric matrix as rows, the largest eigenvalue first. Source: Jacobi 1846, cyclic by rows. */
function eigenvectors({ rows: n, data }: Matrix): Matrix {
  const a = data.slice();
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  const size = frobeniusNorm({ data });
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        off = Math.max(off, Math.abs(a[p * n + q]));
        rotate(a, v, n, p, q);
      }
    }
    if (off <= size * 2 ** -50) break;
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j] - a[i * n + i] || i - j);
  return { rows: n, columns: n, data: Float64Array.from({ length: n * n }, (_, k) => v[order[Math.floor(k / n)] * n + (k % n)]) };
}

/** One Jacobi rotation, which makes a[p][q] zero; rows of v follow. */
function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q];
  if (apq === 0) return;
  const theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q, c, s);
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k, c, s);
  for (let k = 0; k < n; k++) turn(v, p * n + k, q * n + k, c, s);
}

function turn(x: Float64Array, i: number, j: number, c: number, s: number): void {
  const [xi, xj] = [x[i], x[j]];
  x[i] = c * xi - s * xj;
  x[j] = s * xi + c * xj;
}

/** Rows beside the wanted ones that a subspace is searched with, and how often it is improved. */
const SPARE = 8;
const ITERATIONS = 8;

/**
 * Orthonormal rows Q, [rank, N], that span the leading right singular vectors of a, [M, N]: a Qᵀ Q is close to the best
 * approximation of that rank, and never farther from a than 0 is.
 *
 * Source: Halko et al. 2011, randomized subspace iteration, from a fixed seed.
 */
export function leadingRows(a: Matrix, rank: number): Matrix {
  const rng = new Rng("leadingRows");
  const width = Math.min(rank + SPARE, a.rows, a.columns);
  const start = Float64Array.from({ length: width * a.rows }, () => rng.normal());
  let q = orthonormalRows(product({ rows: width, columns: a.rows, data: start }, a));
  const back = transposed(a);
  for (let i = 0; i < ITERATIONS; i++) q = orthonormalRows(product(orthonormalRows(product(q, back)), a));
  const seen = product(q, back);
  const turnedBest = product(eigenvectors(product(seen, transposed(seen))), q);
  return { rows: rank, columns: a.columns, data: turnedBest.data.slice(0, rank * a.columns) };
}
