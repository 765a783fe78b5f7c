/**
 * The sample data of `pleiad demo`: a shop with customers, products, orders and over a million order lines. Made row by row
 * from the row's number alone, as COPY text, so that every demo shows the same figures.
 */

export interface DemoTable {
  readonly name: string;
  /** The statement that makes it, with its distribution. */
  readonly definition: string;
  readonly rows: number;
  /** COPY text in chunks. */
  chunks(): AsyncGenerator<DemoChunk>;
}

export interface DemoChunk {
  readonly data: Buffer;
  /** How many rows it holds, for the progress bar. */
  readonly rows: number;
}

const CUSTOMERS = 20_000;
const PRODUCTS = 1_000;
const ORDERS = 300_000;
/** Order n has 1 + n mod 6 lines. */
const ORDER_LINES = linesBefore(ORDERS + 1);
const CHUNK_CHARACTERS = 64 * 1024;
const COUNTRIES = ["DK", "SE", "DE", "FR", "ES", "IT", "GR", "JP", "BR", "CA"];
const FIRST_NAMES = [
  "Åse",
  "Bo",
  "Chloé",
  "Dimitra",
  "Ema",
  "Finn",
  "Giulia",
  "Hiro",
  "Inés",
  "João",
  "Katrin",
  "Léo",
];
const LAST_NAMES = [
  "Andersen",
  "Bianchi",
  "Costa",
  "Dubois",
  "Eriksson",
  "Fischer",
  "García",
  "Ito",
  "Müller",
  "Papadopoulou",
];
const CATEGORIES = ["books", "garden", "kitchen", "music", "outdoor", "toys", "tools", "office"];
const ADJECTIVES = ["small", "large", "blue", "green", "folding", "quiet", "heavy", "light"];
const NOUNS = ["lamp", "chair", "kettle", "drum", "tent", "puzzle", "saw", "desk", "atlas", "spade"];
const STATUSES = [
  "delivered",
  "delivered",
  "delivered",
  "delivered",
  "shipped",
  "paid",
  "returned",
  "cancelled",
];
const SECONDS_BETWEEN_ORDERS = 210;
const FIRST_ORDER = Date.UTC(2024, 0, 1) / 1000;

/** In the order in which they can be loaded. */
export const demoTables: readonly DemoTable[] = [
  table(
    "customers",
    `CREATE TABLE customers (
  id int PRIMARY KEY,
  name text NOT NULL,
  country char(2) NOT NULL,
  joined date NOT NULL,
  referred_by int,
  credit numeric(10,2) NOT NULL DEFAULT 0
) DISTRIBUTE BY HASH (id)`,
    CUSTOMERS,
    customer,
  ),
  table(
    "products",
    `CREATE TABLE products (
  id int PRIMARY KEY,
  name text NOT NULL,
  category text NOT NULL,
  price numeric(10,2) NOT NULL
) DISTRIBUTE BY REPLICATION`,
    PRODUCTS,
    product,
  ),
  table(
    "orders",
    `CREATE TABLE orders (
  customer_id int NOT NULL,
  id int NOT NULL,
  placed timestamptz NOT NULL,
  status text NOT NULL,
  PRIMARY KEY (customer_id, id)
) DISTRIBUTE BY HASH (customer_id)`,
    ORDERS,
    order,
  ),
  table(
    "order_lines",
    `CREATE TABLE order_lines (
  customer_id int NOT NULL,
  order_id int NOT NULL,
  line smallint NOT NULL,
  product_id int NOT NULL,
  quantity int NOT NULL,
  price numeric(10,2) NOT NULL,
  PRIMARY KEY (customer_id, order_id, line)
) DISTRIBUTE BY HASH (customer_id)`,
    ORDER_LINES,
    undefined,
  ),
];

/** Foreign keys to be checked once over all rows cost less than one by one. */
export const demoStatementsAfterLoad: readonly string[] = [
  "CREATE INDEX orders_placed ON orders (placed)",
  "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers (id)",
  "ALTER TABLE order_lines ADD FOREIGN KEY (product_id) REFERENCES products (id)",
  "ALTER TABLE order_lines ADD FOREIGN KEY (customer_id, order_id) REFERENCES orders (customer_id, id)",
  "ANALYZE",
];

function table(
  name: string,
  definition: string,
  rows: number,
  line: ((number: number) => string) | undefined,
): DemoTable {
  return { name, definition, rows, chunks: () => chunks(line ? numbered(rows, line) : orderLines()) };
}

async function* chunks(lines: Iterable<string>): AsyncGenerator<DemoChunk> {
  let text = "";
  let rows = 0;
  for (const line of lines) {
    text += line;
    rows++;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield { data: Buffer.from(text), rows };
    text = "";
    rows = 0;
  }
  if (rows > 0) yield { data: Buffer.from(text), rows };
}

function* numbered(rows: number, line: (number: number) => string): Generator<string> {
  for (let number = 1; number <= rows; number++) yield line(number);
}

function customer(id: number): string {
  const hash = mix(id, 1);
  const referrer = hash % 3 === 0 && id > 1 ? String(1 + (mix(id, 2) % (id - 1))) : "\\N";
  const name = `${pick(FIRST_NAMES, hash >>> 4)} ${pick(LAST_NAMES, hash >>> 8)}`;
  return `${id}\t${name}\t${pick(COUNTRIES, hash >>> 12)}\t${day(hash % 1000)}\t${referrer}\t${cents(hash % 10_000)}\n`;
}

function product(id: number): string {
  const hash = mix(id, 3);
  const name = `${pick(ADJECTIVES, hash)} ${pick(NOUNS, hash >>> 4)} ${id}`;
  return `${id}\t${name}\t${pick(CATEGORIES, hash >>> 8)}\t${cents(priceOf(id))}\n`;
}

function order(id: number): string {
  return `${customerOf(id)}\t${id}\t${placed(id)}\t${pick(STATUSES, mix(id, 4))}\n`;
}

function* orderLines(): Generator<string> {
  for (let id = 1; id <= ORDERS; id++) {
    const customerId = customerOf(id);
    const count = linesOf(id);
    for (let line = 1; line <= count; line++) {
      const hash = mix(id * 8 + line, 5);
      const productId = 1 + (hash % PRODUCTS);
      const quantity = 1 + ((hash >>> 16) % 5);
      yield `${customerId}\t${id}\t${line}\t${productId}\t${quantity}\t${cents(priceOf(productId))}\n`;
    }
  }
}

/** Some customers order much more than others. */
function customerOf(orderId: number): number {
  const share = mix(orderId, 6) / 4294967296;
  return 1 + Math.floor(share * share * CUSTOMERS);
}

function linesOf(orderId: number): number {
  return 1 + (orderId % 6);
}

function linesBefore(orderId: number): number {
  let lines = 0;
  for (let id = 1; id < orderId; id++) lines += linesOf(id);
  return lines;
}

function priceOf(productId: number): number {
  return 199 + (mix(productId, 7) % 20_000);
}

function cents(value: number): string {
  const rest = value % 100;
  return `${(value - rest) / 100}.${rest < 10 ? "0" : ""}${rest}`;
}

function day(number: number): string {
  return new Date(Date.UTC(2022, 0, 1 + number)).toISOString().slice(0, 10);
}

function placed(orderId: number): string {
  return new Date((FIRST_ORDER + orderId * SECONDS_BETWEEN_ORDERS) * 1000).toISOString();
}

function pick(items: readonly string[], number: number): string {
  return items[number % items.length] ?? "";
}

/** A well mixed 32-bit number of a row's number and a purpose. */
function mix(number: number, purpose: number): number {
  let hash = Math.imul(number ^ Math.imul(purpose, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
