import { type Chain, chainOf, type ElementFormula, formulaOf, type OpEvent, type Tensor, takesEpilogue } from "../tensor/index.ts";

/** What is placed and run as one: a call, or calls in a chain whose results in between are kept in registers only. */
export interface Unit {
  readonly name: string;
  /** The calls in order; a single one where there is no chain. */
  readonly calls: readonly OpEvent[];
  /** What is read of what other units, the inputs or constants provide. */
  readonly inputs: readonly Tensor[];
  /** What others read, or the results of the recording. */
  readonly outputs: readonly Tensor[];
  /** Given for a chain: one call can be one as well. */
  readonly chain?: Chain;
  /** A chain that goes on with what the call makes, piece by piece, while that is in the cache. */
  readonly epilogue?: Unit & { readonly chain: Chain };
  /** Whether the output shares the storage of the first input. */
  readonly view: boolean;
}

interface Member {
  readonly call: OpEvent;
  readonly formula: ElementFormula;
}

/** A chain is cut before it is heavier, or reads more, than the registers of a machine can well hold. */
const HEAVIEST = 16;
const MOST_INPUTS = 8;

/**
 * The calls of a recording as units: neighbours that map element to element over the same number of elements become one
 * chain. Views in between do not part them: a chain reads through a view, and a view that nobody else reads is dropped.
 */
export function unitsOf(steps: readonly OpEvent[], results: readonly Tensor[]): Unit[] {
  const source = viewed(steps);
  return withOutputs(grouped(steps, source), source, results);
}

/** The units, where a chain that reads what the unit before it makes is the epilogue of that unit, if its kernel takes one. */
export function withEpilogues(units: readonly Unit[]): Unit[] {
  const joined: Unit[] = [];
  for (const unit of units) {
    const before = joined[joined.length - 1];
    if (before && isChain(unit) && goesOn(before, unit)) joined[joined.length - 1] = withEpilogue(before, unit);
    else joined.push(unit);
  }
  return joined;
}

const isChain = (unit: Unit): unit is NonNullable<Unit["epilogue"]> => unit.chain !== undefined;

function goesOn({ view, chain, epilogue, calls: [call], outputs: [made] }: Unit, { inputs, outputs }: Unit): boolean {
  if (view || chain || epilogue || !takesEpilogue(call.def.name) || made.dtype !== "f32") return false;
  return inputs.includes(made) && outputs.every((y) => y.size === made.size && y.dtype === "f32");
}

function withEpilogue(unit: Unit, epilogue: NonNullable<Unit["epilogue"]>): Unit {
  const others = epilogue.inputs.filter((x) => !unit.outputs.includes(x));
  return {
    ...{ name: `${unit.name}-${epilogue.name}`, calls: [...unit.calls, ...epilogue.calls], epilogue, view: false },
    inputs: [...new Set([...unit.inputs, ...others])],
    outputs: [...unit.outputs, ...epilogue.outputs],
  };
}

/** What each view looks at, through views of views. */
function viewed(steps: readonly OpEvent[]): (x: Tensor) => Tensor {
  const sources = new Map<Tensor, Tensor>();
  const source = (x: Tensor): Tensor => sources.get(x) ?? x;
  for (const { def, inputs, outputs } of steps) if (def.view) sources.set(outputs[0], source(inputs[0]));
  return source;
}

/** Runs of calls that may be a chain, and single calls, in an order that keeps every read behind its write. */
function grouped(steps: readonly OpEvent[], source: (x: Tensor) => Tensor): (OpEvent | readonly Member[])[] {
  const groups: (OpEvent | readonly Member[])[] = [];
  let open: Member[] = [];
  let views: OpEvent[] = [];
  const close = (): void => {
    if (open.length > 0) groups.push(open);
    groups.push(...views);
    [open, views] = [[], []];
  };
  for (const call of steps) {
    if (call.def.view) {
      views.push(call);
      continue;
    }
    const formula = formulaOf(call.def.name, call.inputs, call.attrs, call.outputs);
    if (!formula) {
      close();
      groups.push(call);
      continue;
    }
    const member = { call, formula };
    if (!joins(open, member, source)) close();
    open.push(member);
  }
  close();
  return groups;
}

function joins(open: readonly Member[], next: Member, source: (x: Tensor) => Tensor): boolean {
  if (open.length === 0) return true;
  if (open[0].call.outputs[0].size !== next.call.outputs[0].size) return false;
  const members = [...open, next];
  return members.reduce((sum, m) => sum + m.formula.weight, 0) <= HEAVIEST && readsOf(members, source).length <= MOST_INPUTS;
}

/** What the members read and do not make, each once. */
function readsOf(members: readonly Member[], source: (x: Tensor) => Tensor): Tensor[] {
  const made = new Set(members.map(({ call }) => call.outputs[0]));
  const read = members.flatMap(({ call }) => call.inputs.map(source)).filter((x) => !made.has(x));
  return [...new Set(read)];
}

/** The units, from the last to the first, so that each knows what is read behind it. */
function withOutputs(groups: readonly (OpEvent | readonly Member[])[], source: (x: Tensor) => Tensor, results: readonly Tensor[]): Unit[] {
  const needed = new Set(results);
  const units: Unit[] = [];
  for (const group of [...groups].reverse()) {
    const unit = "def" in group ? single(group) : chained(group, source, needed);
    if (unit.view && !needed.has(unit.outputs[0])) continue;
    for (const x of unit.inputs) needed.add(x);
    units.unshift(unit);
  }
  return units;
}

const single = (call: OpEvent): Unit => ({
  name: call.def.name,
  calls: [call],
  inputs: call.inputs,
  outputs: call.outputs,
  view: call.def.view === true,
});

function chained(members: readonly Member[], source: (x: Tensor) => Tensor, needed: ReadonlySet<Tensor>): Unit {
  const inputs = readsOf(members, source);
  const made = members.map(({ call }) => call.outputs[0]);
  const numbers = new Map([...inputs, ...made].map((x, i) => [x, i]));
  const steps = members.map(({ call, formula }) => ({ formula, operands: call.inputs.map((x) => numbers.get(source(x)) as number) }));
  const outputs = made.filter((y) => needed.has(y));
  const name = members.map(({ call }) => call.def.name).join("-");
  const calls = members.map(({ call }) => call);
  const stored = outputs.map((y) => numbers.get(y) as number);
  return { name, calls, inputs, outputs, chain: chainOf(steps, stored), view: false };
}
