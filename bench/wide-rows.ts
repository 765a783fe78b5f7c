/** The table of the streaming benchmarks: rows of about a hundred bytes, of the usual types. */
export const WIDE_ROWS =
  "CREATE TABLE wide_rows (id bigint PRIMARY KEY, owner int, at timestamptz, amount numeric(12,2), title text, done bool)";
export const WIDE_ROWS_CLAUSE = "DISTRIBUTE BY HASH (id)";

export function* wideRows(count: number): Generator<string> {
  for (let id = 1; id <= count; id++) {
    const day = String(1 + (id % 28)).padStart(2, "0");
    const second = String(id % 60).padStart(2, "0");
    yield `${id}\t${id % 9973}\t2024-0${1 + (id % 9)}-${day} 12:00:${second}+00\t${id % 100_000}.${10 + (id % 90)}\ttitle of row ${id}, as long as titles are\t${id % 3 === 0 ? "t" : "f"}\n`;
  }
}
