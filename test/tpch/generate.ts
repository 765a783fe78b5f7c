/**
 * The rows of TPC-H at any scale, after the specification's rules (keys, dates, prices, shares of each value), but with
 * random numbers of our own. Each row depends on its number alone, so that any part can be made apart. Lines of COPY text.
 */
import { RandomSource } from "../oracle/random-source.ts";
import * as words from "./vocabulary.ts";

export const TABLES = [
  "region",
  "nation",
  "supplier",
  "part",
  "partsupp",
  "customer",
  "orders",
  "lineitem",
] as const;
export type TpchTable = (typeof TABLES)[number];

export interface TpchSizes {
  readonly suppliers: number;
  readonly parts: number;
  readonly customers: number;
  readonly orders: number;
  readonly clerks: number;
}

export function sizes(scale: number): TpchSizes {
  const of = (count: number): number => Math.max(1, Math.round(count * scale));
  return {
    suppliers: of(10_000),
    parts: of(200_000),
    customers: of(150_000),
    orders: of(1_500_000),
    clerks: of(1000),
  };
}

const DAYS = calendar();
const FIRST_DAY = 0;
/** 151 days before the end of 1998. */
const LAST_ORDER_DAY = 2405;
const CURRENT_DAY = DAYS.indexOf("1995-06-17");

export function* tpchLines(table: TpchTable, scale: number): Generator<string> {
  const size = sizes(scale);
  switch (table) {
    case "region":
      for (const [key, name] of words.REGIONS.entries())
        yield row(key, name, comment(source("region", key), 30, 100));
      return;
    case "nation":
      for (const [key, [name, region]] of words.NATIONS.entries()) {
        yield row(key, name, region, comment(source("nation", key), 30, 100));
      }
      return;
    case "supplier":
      for (let key = 1; key <= size.suppliers; key++) yield supplier(key);
      return;
    case "part":
      for (let key = 1; key <= size.parts; key++) yield part(key);
      return;
    case "partsupp":
      for (let key = 1; key <= size.parts; key++) yield* partSuppliers(key, size.suppliers);
      return;
    case "customer":
      for (let key = 1; key <= size.customers; key++) yield customer(key);
      return;
    case "orders":
      for (let number = 0; number < size.orders; number++) yield order(number, size).order;
      return;
    case "lineitem":
      for (let number = 0; number < size.orders; number++) yield* order(number, size).lines;
  }
}

function row(...values: readonly (string | number)[]): string {
  return values.join("\t");
}

function source(table: string, number: number): RandomSource {
  const salt = table.charCodeAt(0) * 31 + table.charCodeAt(1);
  return new RandomSource(Math.imul(number + 1, 2654435761) ^ Math.imul(salt, 40531));
}

function supplier(key: number): string {
  const random = source("supplier", key);
  const nation = random.int(0, 24);
  const text = comment(random, 25, 100);
  // 5 of 10,000 suppliers have complaints, as many recommendations; at small scales at least one of each.
  const mark =
    key % 2000 === 13 ? "Customer Complaints" : key % 2000 === 77 ? "Customer Recommends" : undefined;
  const commented =
    mark === undefined ? text : `${text.slice(0, 10)} ${mark} ${text.slice(10)}`.slice(0, 100).trim();
  return row(
    key,
    `Supplier#${padded(key, 9)}`,
    address(random),
    nation,
    phone(random, nation),
    cents(random.int(-99_999, 999_999)),
    commented,
  );
}

function part(key: number): string {
  const random = source("part", key);
  // What Q17, Q19 and Q20 look for is so rare that a small scale would have none of it by chance.
  const [sought, forest] = [key % 250 === 1, key % 200 === 5];
  const colors = random.shuffle(words.COLORS).slice(0, 5);
  const name = (forest ? colors.with(0, "forest") : colors).join(" ");
  const maker = sought ? 2 : random.int(1, 5);
  return row(
    key,
    name,
    `Manufacturer#${maker}`,
    `Brand#${maker}${sought ? 3 : random.int(1, 5)}`,
    words.TYPES.map((syllables) => random.pick<string>(syllables)).join(" "),
    random.int(1, sought ? 10 : 50),
    sought ? "MED BOX" : words.CONTAINERS.map((syllables) => random.pick<string>(syllables)).join(" "),
    cents(retailPrice(key)),
    comment(random, 5, 22),
  );
}

function* partSuppliers(part: number, suppliers: number): Generator<string> {
  const random = source("partsupp", part);
  for (let index = 0; index < 4; index++) {
    yield row(
      part,
      supplierOf(part, index, suppliers),
      random.int(1, 9999),
      cents(random.int(100, 100_000)),
      comment(random, 49, 198),
    );
  }
}

function customer(key: number): string {
  const random = source("customer", key);
  const nation = random.int(0, 24);
  return row(
    key,
    `Customer#${padded(key, 9)}`,
    address(random),
    nation,
    phone(random, nation),
    cents(random.int(-99_999, 999_999)),
    random.pick(words.SEGMENTS),
    comment(random, 29, 116),
  );
}

function order(number: number, size: TpchSizes): { order: string; lines: string[] } {
  const random = source("orders", number);
  // Of 32 keys the first 8 are used.
  const key = Math.floor(number / 8) * 32 + (number % 8) + 1;
  let buyer = random.int(1, size.customers);
  // A third of the customers never order.
  if (buyer % 3 === 0) buyer = buyer === 3 ? 1 : buyer - 1;
  const day = random.int(FIRST_DAY, LAST_ORDER_DAY);
  const lines: string[] = [];
  let total = 0;
  let shipped = 0;
  // One order in 10,000 is large (Q18): by chance alone a small scale would have none.
  const large = number % 10_000 === 4321;
  const count = large ? 7 : random.int(1, 7);
  for (let line = 1; line <= count; line++) {
    const partKey = random.int(1, size.parts);
    const quantity = large ? random.int(44, 50) : random.int(1, 50);
    const price = quantity * retailPrice(partKey);
    const [discount, tax] = [random.int(0, 10), random.int(0, 8)];
    const ship = day + random.int(1, 121);
    const commit = day + random.int(30, 90);
    const receipt = ship + random.int(1, 30);
    const isShipped = ship <= CURRENT_DAY;
    if (isShipped) shipped++;
    total += Math.round((price * (100 - discount) * (100 + tax)) / 10_000);
    lines.push(
      row(
        key,
        partKey,
        supplierOf(partKey, random.int(0, 3), size.suppliers),
        line,
        quantity,
        cents(price),
        cents(discount),
        cents(tax),
        receipt <= CURRENT_DAY ? random.pick(["R", "A"]) : "N",
        isShipped ? "F" : "O",
        DAYS[ship] ?? "",
        DAYS[commit] ?? "",
        DAYS[receipt] ?? "",
        random.pick(words.INSTRUCTIONS),
        random.pick(words.MODES),
        comment(random, 10, 43),
      ),
    );
  }
  const status = shipped === count ? "F" : shipped === 0 ? "O" : "P";
  const clerk = `Clerk#${padded(random.int(1, size.clerks), 9)}`;
  const head = row(
    key,
    buyer,
    status,
    cents(total),
    DAYS[day] ?? "",
    random.pick(words.PRIORITIES),
    clerk,
    0,
    comment(random, 19, 78),
  );
  return { order: head, lines };
}

/** In cents. */
function retailPrice(part: number): number {
  return 90_000 + (Math.floor(part / 10) % 20_001) + 100 * (part % 1000);
}

/** The four suppliers of a part, spread over all of them. */
function supplierOf(part: number, index: number, suppliers: number): number {
  return ((part + index * (Math.floor(suppliers / 4) + Math.floor((part - 1) / suppliers))) % suppliers) + 1;
}

const padded = (value: number, width: number): string => String(value).padStart(width, "0");

function cents(value: number): string {
  const absolute = Math.abs(value);
  return `${value < 0 ? "-" : ""}${Math.floor(absolute / 100)}.${padded(absolute % 100, 2)}`;
}

function phone(random: RandomSource, nation: number): string {
  return `${nation + 10}-${random.int(100, 999)}-${random.int(100, 999)}-${random.int(1000, 9999)}`;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,";

function address(random: RandomSource): string {
  let text = "";
  for (let length = random.int(10, 40); length > 0; length--)
    text += LETTERS[random.int(0, LETTERS.length - 1)];
  return text.trim();
}

/** Sentences of the specification's grammar in short: enough of "special requests" for Q13. */
function comment(random: RandomSource, lengthMin: number, lengthMax: number): string {
  const length = random.int(lengthMin, lengthMax);
  let text = "";
  while (text.length < length) {
    const noun = `${random.pick(words.ADJECTIVES)} ${random.pick(words.NOUNS)}`;
    const verb = `${random.pick(words.VERBS)} ${random.pick(words.ADVERBS)}`;
    const place = random.chance(0.5)
      ? ` ${random.pick(words.PREPOSITIONS)} the ${random.pick(words.NOUNS)}`
      : "";
    text += `${text === "" ? "" : " "}${noun} ${verb}${place}.`;
  }
  return text.slice(0, length).trim();
}

function calendar(): string[] {
  const start = Date.UTC(1992, 0, 1);
  return Array.from({ length: 2600 }, (_, day) =>
    new Date(start + day * 86_400_000).toISOString().slice(0, 10),
  );
}
