/** Runs both sides in turn (A B A B …), so that what the machine does meanwhile hits both alike; and figures that stand alone. */

export interface Measure {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly runs: readonly number[];
}

export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly higherIsBetter: boolean;
  readonly plain: Measure;
  readonly pleiad: Measure;
  /** In front of plain PostgreSQL, where it is installed. */
  readonly pgbouncer?: Measure;
  /** How good Pleiad is, plain PostgreSQL being 1. */
  readonly ratio: number;
}

/** What has no counterpart in plain PostgreSQL. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly measure: Measure;
  /** What was wanted of it, in words. */
  readonly wanted?: string;
}

export function figure(what: string, unit: string, runs: readonly number[], wanted?: string): Figure {
  const found = { what, unit, measure: measure(runs), ...(wanted === undefined ? {} : { wanted }) };
  const { min, median, max } = found.measure;
  const shown = runs.length === 1 ? number(median) : `${number(min)} / ${number(median)} / ${number(max)}`;
  console.log(`${what.padEnd(58)} ${shown} ${unit}${wanted === undefined ? "" : `   (wanted: ${wanted})`}`);
  return found;
}

export interface Sides<T> {
  plain(): Promise<T>;
  pleiad(): Promise<T>;
  pgbouncer?(): Promise<T>;
}

export async function compare(
  what: string,
  unit: string,
  higherIsBetter: boolean,
  runs: number,
  sides: Sides<number>,
): Promise<Comparison> {
  const plain: number[] = [];
  const pleiad: number[] = [];
  const pgbouncer: number[] = [];
  for (let run = 0; run < runs; run++) {
    plain.push(await sides.plain());
    pleiad.push(await sides.pleiad());
    if (sides.pgbouncer !== undefined) pgbouncer.push(await sides.pgbouncer());
  }
  const [left, right] = [measure(plain), measure(pleiad)];
  const ratio = higherIsBetter ? right.median / left.median : left.median / right.median;
  const beside = pgbouncer.length === 0 ? {} : { pgbouncer: measure(pgbouncer) };
  const comparison = { what, unit, higherIsBetter, plain: left, pleiad: right, ...beside, ratio };
  console.log(show(comparison));
  return comparison;
}

export function measure(runs: readonly number[]): Measure {
  const sorted = [...runs].toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median =
    sorted.length % 2 === 1
      ? (sorted[Math.floor(middle)] ?? Number.NaN)
      : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
  return { min: sorted[0] ?? Number.NaN, median, max: sorted.at(-1) ?? Number.NaN, runs };
}

export function show({ what, unit, plain, pleiad, pgbouncer, ratio }: Comparison): string {
  const side = (name: string, { min, median, max }: Measure): string =>
    `${name} ${number(min)} / ${number(median)} / ${number(max)}`;
  const third = pgbouncer === undefined ? "" : `   ${side("pgbouncer", pgbouncer)}`;
  return `${what.padEnd(34)} ${side("plain", plain)}   ${side("pleiad", pleiad)}${third} ${unit}   ratio ${ratio.toFixed(2)}`;
}

function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(value < 1 ? 3 : 1);
}
