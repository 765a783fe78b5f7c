/**
 * The rows of schema.sql, about 5,000, the same on every run, as lines of COPY text. Chosen so that wrong answers show:
 * NULLs in every nullable column and in a distribution key, skewed keys, keys that match across tables only in part,
 * texts that sort differently per collation, labels equal but for case, floats whose sums are exact in any order.
 */
import { RandomSource } from "./random-source.ts";

type Value = string | number | boolean | null;

export interface TableData {
  readonly table: string;
  readonly lines: readonly string[];
}

/** Parents before children: the order in which the tables can be loaded. */
export function dataset(): TableData[] {
  return [
    languages(),
    genres(),
    members(),
    loans(),
    donations(),
    titles(),
    copies(),
    visits(),
    branches(),
    remarks(),
    rates(),
  ];
}

const LANGUAGES: readonly (readonly [string, string, string | null, number | null])[] = [
  ["da", "Dansk", "Germanic", 6000000],
  ["de", "Deutsch", "Germanic", 90000000],
  ["el", "Ελληνικά", "Hellenic", 13000000],
  ["is", "Íslenska", "Germanic", null],
  ["ja", "日本語", null, 125000000],
  ["sv", "svenska", "Germanic", 10000000],
  ["tr", "İstanbul Türkçesi", "Turkic", 80000000],
  ["xx", "zxx", null, null],
];
const TITLE_LANGUAGES = ["da", "de", "el", "is", "ja", "sv", "tr"];
const NAMES = [
  "Åsa",
  "asa",
  "Ása",
  "Zoë",
  "zoe",
  "Özil",
  "Ozan",
  "Müller",
  "Mueller",
  "İpek",
  "ıldız",
  "Нина",
  "王芳",
  "O'Neil",
  "de la Cruz",
  "Łukasz",
  "Ægir",
  "ægir",
  "Straße",
  "Strasse",
];
const TOWNS = ["Århus", "Köln", "Αθήνα", "Reykjavík", "Malmö", "京都"];
const WORDS = ["Lamp", "lamp", "LAMP", "Garden", "garden", "Écran", "écran", "River", "river", "Ocean"];
const STATES = ["reserved", "out", "late", "back", "lost"];

export const MEMBERS = 400;
export const TITLE_CODES = 40;

function table(name: string, rows: readonly (readonly Value[])[]): TableData {
  return { table: name, lines: rows.map((row) => row.map(copyText).join("\t")) };
}

function copyText(value: Value): string {
  if (value === null) return "\\N";
  if (typeof value === "boolean") return value ? "t" : "f";
  return String(value).replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n");
}

function rowsOf(
  name: string,
  count: number,
  row: (number: number, random: RandomSource) => Value[],
): TableData {
  const random = new RandomSource(name);
  return table(
    name,
    Array.from({ length: count }, (_, index) => row(index + 1, random)),
  );
}

const sometimes = (random: RandomSource, nulls: number, value: Value): Value =>
  random.chance(nulls) ? null : value;
const cents = (random: RandomSource, max: number): string => (random.int(0, max * 100) / 100).toFixed(2);

function dateAfter(start: string, days: number): string {
  return new Date(Date.parse(`${start}T00:00:00Z`) + days * 86400000).toISOString().slice(0, 10);
}

function instantAfter(start: string, seconds: number): string {
  return new Date(Date.parse(`${start}T00:00:00Z`) + seconds * 1000).toISOString();
}

/** Hours and minutes only: equal intervals then have equal texts. */
function duration(random: RandomSource, hours: number): string {
  return `${String(random.int(0, hours)).padStart(2, "0")}:${String(random.int(0, 59)).padStart(2, "0")}:00`;
}

function languages(): TableData {
  return table("languages", LANGUAGES);
}

function genres(): TableData {
  return rowsOf("genres", 30, (id) => [
    id,
    id > 4 ? Math.floor(id / 4) : null,
    `genre ${id}`,
    id % 7 === 0 ? null : `{${Math.floor(id / 16)},${Math.floor(id / 4)},${id}}`,
  ]);
}

function members(): TableData {
  return rowsOf("members", MEMBERS, (id, random) => [
    id,
    sometimes(random, 0.08, `${random.pick(NAMES)} ${random.int(1, 40)}`),
    `user${id}.${random.pick(["a", "b", "c"])}`,
    sometimes(random, 0.15, dateAfter("1950-01-01", random.int(0, 20000))),
    instantAfter("2023-01-01", random.int(0, 31000000)),
    random.chance(0.2)
      ? null
      : `("Street ${random.int(1, 50)}",${String(random.int(1000, 99999)).padStart(5, "0")},${random.chance(0.1) ? "" : random.pick(TOWNS)})`,
    random.pick([
      null,
      "{}",
      `{+${random.int(10, 99)},"x ${random.int(1, 5)}"}`,
      `{+${random.int(10, 99)},NULL}`,
    ]),
    JSON.stringify({
      lang: random.pick(TITLE_LANGUAGES),
      size: random.int(0, 20),
      tags: [random.int(0, 2), random.int(0, 2)],
    }),
    sometimes(random, 0.1, cents(random, 100)),
    sometimes(random, 0.15, random.chance(0.5)),
    sometimes(random, 0.05, uuidOf(random)),
  ]);
}

function uuidOf(random: RandomSource): string {
  const hex = Array.from({ length: 32 }, () => random.int(0, 15).toString(16)).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Member 7 has a third of all loans. */
function loans(): TableData {
  return rowsOf("loans", 1600, (id, random) => {
    const day = random.int(0, 350);
    return [
      random.chance(0.33) ? 7 : random.int(1, MEMBERS - 30),
      id,
      sometimes(random, 0.05, random.pick(TITLE_LANGUAGES)),
      random.int(1, TITLE_CODES),
      sometimes(random, 0.1, random.int(1, 44)),
      random.pick(STATES),
      instantAfter("2024-01-01", day * 86400 + random.int(0, 86399)),
      sometimes(random, 0.12, dateAfter("2024-01-15", day)),
      sometimes(random, 0.2, cents(random, 40)),
      sometimes(
        random,
        0.2,
        `["${dateAfter("2024-01-01", day)} 00:00Z","${dateAfter("2024-01-01", day + random.int(1, 30))} 00:00Z")`,
      ),
      sometimes(random, 0.3, duration(random, 60)),
      random.pick([null, "", `note ${random.int(1, 60)}`, `für ${random.pick(NAMES)}`]),
    ];
  });
}

function donations(): TableData {
  return rowsOf("donations", 300, (id, random) => [
    sometimes(random, 0.15, random.int(1, MEMBERS + 40)),
    id,
    cents(random, 500),
    dateAfter("2024-01-01", random.int(0, 364)),
    random.pick([null, "roof", "books", "Bücher", "garden"]),
  ]);
}

function titles(): TableData {
  const random = new RandomSource("titles");
  const rows: Value[][] = [];
  for (const lang of TITLE_LANGUAGES) {
    for (let code = 1; code <= TITLE_CODES; code++) {
      if (random.chance(0.1)) continue;
      rows.push([
        lang,
        code,
        `${random.pick(WORDS)} ${random.int(1, 12)}`,
        sometimes(random, 0.1, random.pick(NAMES)),
        sometimes(random, 0.1, random.int(1, 30)),
        sometimes(random, 0.05, random.int(20, 900)),
        sometimes(random, 0.1, cents(random, 90)),
        random.int(0, 4000) * 0.25,
        sometimes(random, 0.2, `\\x${random.int(0, 0xffffff).toString(16).padStart(6, "0")}`),
        random.pick([
          null,
          "{}",
          `{${random.pick(["sea", "city", "night"])},"${random.pick(["old town", "new"])}"}`,
        ]),
        random.chance(0.15)
          ? null
          : JSON.stringify({
              ed: random.int(1, 5),
              isbn: { a: random.int(0, 30), b: random.int(0, 9) },
              parts: parts(random),
            }),
        sometimes(random, 0.1, dateAfter("1990-01-01", random.int(0, 12000))),
      ]);
    }
  }
  return table("titles", rows);
}

function parts(random: RandomSource): { n: number; q: number }[] {
  return Array.from({ length: random.int(0, 3) }, (_, n) => ({ n, q: random.int(1, 3) }));
}

function copies(): TableData {
  const random = new RandomSource("copies");
  const rows: Value[][] = [];
  for (const line of titles().lines) {
    const [lang = "", code = ""] = line.split("\t");
    for (let copy = 1; copy <= random.int(0, 5); copy++) {
      rows.push([
        lang,
        code,
        copy,
        sometimes(random, 0.1, random.int(1, 44)),
        sometimes(random, 0.1, `${random.pick(["A", "b", "C"])}${random.int(1, 30)}`),
        sometimes(random, 0.1, dateAfter("2015-01-01", random.int(0, 3000))),
        sometimes(random, 0.1, cents(random, 60)),
      ]);
    }
  }
  return table("copies", rows);
}

function visits(): TableData {
  return rowsOf("visits", 1000, (id, random) => {
    const day = random.int(0, 365);
    const second = random.int(0, 86399);
    return [
      dateAfter("2024-01-01", day),
      id,
      instantAfter("2024-01-01", day * 86400 + second),
      sometimes(random, 0.1, instantAfter("2024-01-01", day * 86400 + second).slice(0, 19)),
      sometimes(random, 0.1, random.int(1, MEMBERS + 20)),
      random.pick(["read", "borrow", "return", "event", "other"]),
      sometimes(random, 0.2, duration(random, 5)),
      sometimes(random, 0.1, random.int(-40, 40) * 0.25),
      sometimes(
        random,
        0.15,
        random.pick([`${random.int(-500, 5000)}`, (random.int(0, 99999) / 1000).toFixed(3)]),
      ),
      random.chance(0.2)
        ? null
        : JSON.stringify({
            n: random.int(0, 100),
            ok: random.chance(0.5),
            ip: `10.0.${random.int(0, 255)}.1`,
          }),
    ];
  });
}

function branches(): TableData {
  return rowsOf("branches", 40, (id, random) => {
    const from = random.int(6, 12);
    return [
      random.pick(["dk", "se", "no", "it", "es", "fr", "gr", "IT"]),
      id,
      `${random.pick(["Nord", "nord", "Süd", "Ost", "øst"])} ${id % 13}`,
      sometimes(random, 0.15, dateAfter("1960-01-01", random.int(0, 20000))),
      sometimes(random, 0.15, `[${from},${from + random.int(1, 10)})`),
      sometimes(random, 0.15, random.int(0, 40)),
      sometimes(random, 0.3, random.pick(NAMES)),
      sometimes(random, 0.1, `${String(from).padStart(2, "0")}:30:00`),
    ];
  });
}

function remarks(): TableData {
  return rowsOf("remarks", 600, (id, random) => [
    id,
    sometimes(random, 0.1, random.int(1, MEMBERS + 10)),
    sometimes(random, 0.1, random.pick([...TITLE_LANGUAGES, "xx"])),
    sometimes(random, 0.1, random.int(1, TITLE_CODES + 5)),
    sometimes(random, 0.1, random.int(0, 5)),
    random.pick([
      null,
      "",
      "very good",
      "sehr gut",
      "kötü",
      `twice ${random.int(1, 20)}`,
      "50% off_now",
      'a "quoted" \\ one',
    ]),
    sometimes(random, 0.1, instantAfter("2024-03-25", random.int(0, 30000000))),
  ]);
}

function rates(): TableData {
  return rowsOf("rates", 12, (id, random) => [
    `rate-${id}`,
    sometimes(random, 0.15, cents(random, 10)),
    sometimes(random, 0.15, `[${dateAfter("2024-01-01", id * 20)},${dateAfter("2024-02-01", id * 20)})`),
    sometimes(random, 0.2, instantAfter("2024-01-01", id * 1000000)),
  ]);
}
