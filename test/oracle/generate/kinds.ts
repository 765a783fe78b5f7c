/** The kinds of values that the generator tells apart, and the tables with their columns of these kinds. */

export type Kind =
  | "int"
  | "num"
  | "float"
  | "text"
  | "label"
  | "bool"
  | "date"
  | "instant"
  | "stamp"
  | "interval"
  | "state"
  | "uuid"
  | "texts"
  | "ints"
  | "json"
  | "hours"
  | "span"
  | "bytes"
  | "postal"
  | "char";

/** How a value of the kind is cast and some values worth comparing with: common ones, rare ones, none that exists. */
export const KINDS: Readonly<Record<Kind, { readonly type: string; readonly samples: readonly string[] }>> = {
  int: { type: "int", samples: ["0", "1", "2", "3", "5", "7", "8", "12", "20", "33", "100", "350", "1000"] },
  num: { type: "numeric", samples: ["0", "1.5", "9.99", "20", "35.5", "60", "250", "1000"] },
  float: { type: "float8", samples: ["0", "0.25", "5.5", "100.75", "500"] },
  text: {
    type: "text",
    samples: ["da", "de", "sv", "Åsa", "zoe", "roof", "read", "genre 3", "", "O'Neil", "xx"],
  },
  label: { type: "text", samples: ["lamp 3", "Garden 7", "ÉCRAN 2", "river"] },
  bool: { type: "bool", samples: ["t", "f"] },
  date: {
    type: "date",
    samples: ["2024-01-01", "2024-02-29", "2024-04-01", "2024-07-31", "2024-10-27", "1999-12-31"],
  },
  instant: {
    type: "timestamptz",
    samples: ["2024-03-31 00:30:00+00", "2024-06-01 12:00:00+00", "2023-07-01 00:00:00+00"],
  },
  stamp: { type: "timestamp", samples: ["2024-03-31 02:30:00", "2024-09-09 09:09:09"] },
  interval: { type: "interval", samples: ["00:00:00", "02:30:00", "25:00:00"] },
  state: { type: "loan_state", samples: ["reserved", "out", "late", "back", "lost"] },
  uuid: {
    type: "uuid",
    samples: ["80000000-0000-0000-0000-000000000000", "10000000-0000-4000-8000-000000000000"],
  },
  texts: { type: "text[]", samples: ["{}", "{sea,new}", "{NULL}", '{city,"old town"}'] },
  ints: { type: "int[]", samples: ["{}", "{0,1,5}", "{1}"] },
  json: { type: "jsonb", samples: ["{}", "1", '{"lang": "da"}', "null"] },
  hours: { type: "int4range", samples: ["[8,12)", "empty", "[10,)"] },
  span: { type: "tstzrange", samples: ["[2024-03-01 00:00Z,2024-03-05 00:00Z)", "empty"] },
  bytes: { type: "bytea", samples: ["\\x00", "\\x80ff", "\\x"] },
  postal: { type: "postal", samples: ['("Street 7",12345,Köln)', "(,,)"] },
  char: { type: "char(6)", samples: ["A1", "b2", "C30"] },
};

export type Collation = "default" | "icu" | "c" | "nocase";

export interface ColumnShape {
  readonly name: string;
  readonly kind: Kind;
  readonly collation: Collation;
  /** Equal values have equal texts: only then may they be grouped, or decide an order. */
  readonly exact: boolean;
}

export interface TableShape {
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly ColumnShape[];
  /** Names of the columns that make a row unique. */
  readonly key: readonly string[];
}

const column = (name: string, kind: Kind, collation: Collation = "default", exact = true): ColumnShape => ({
  name,
  kind,
  collation,
  exact,
});

function columns(text: string): ColumnShape[] {
  return text.split(" ").map((part) => {
    const [name = "", kind = "int", collation = "default"] = part.split(":");
    const exact = kind !== "label" && name !== "val";
    return column(name, kind as Kind, collation as Collation, exact);
  });
}

export const TABLES: readonly TableShape[] = [
  {
    name: "languages",
    rows: 8,
    key: ["lang"],
    columns: columns("lang:text name:text:icu family:text speakers:int"),
  },
  { name: "genres", rows: 30, key: ["id"], columns: columns("id:int parent:int name:text path:ints") },
  {
    name: "members",
    rows: 400,
    key: ["member_id"],
    columns: columns(
      "member_id:int name:text:icu login:text born:date joined:instant home:postal phones:texts prefs:json deposit:num active:bool card:uuid",
    ),
  },
  {
    name: "loans",
    rows: 1600,
    key: ["loan_id"],
    columns: columns(
      "member_id:int loan_id:int lang:text code:int branch:int state:state taken:instant due:date charge:num span:span extension:interval remark:text",
    ),
  },
  {
    name: "donations",
    rows: 300,
    key: ["donation_id"],
    columns: columns("donor:int donation_id:int amount:num given:date purpose:text"),
  },
  {
    name: "titles",
    rows: 250,
    key: ["lang", "code"],
    columns: columns(
      "lang:text code:int label:label:nocase author:text genre:int pages:int price:num weight:float cover:bytes keywords:texts facts:json published:date",
    ),
  },
  {
    name: "copies",
    rows: 600,
    key: ["lang", "code", "copy_no"],
    columns: columns("lang:text code:int copy_no:int branch:int shelf:char bought:date cost:num"),
  },
  {
    name: "visits",
    rows: 1000,
    key: ["visit_id"],
    columns: columns(
      "day:date visit_id:int at:instant at_local:stamp member_id:int kind:text took:interval score:float val:num payload:json",
    ),
  },
  {
    name: "branches",
    rows: 40,
    key: ["id"],
    columns: columns("country:text id:int name:text:c opened:date hours:hours staff:int manager:text"),
  },
  {
    name: "remarks",
    rows: 600,
    key: ["remark_id"],
    columns: columns("remark_id:int member_id:int lang:text code:int stars:int body:text written:instant"),
  },
  { name: "rates", rows: 12, key: ["key"], columns: columns("key:text value:num changed:instant") },
  {
    name: "open_loans",
    rows: 600,
    key: ["loan_id"],
    columns: columns("member_id:int loan_id:int name:text:icu lang:text code:int due:date charge:num"),
  },
  {
    name: "language_totals",
    rows: 8,
    key: ["lang"],
    columns: columns("lang:text name:text:icu titles:int copies:int worth:num"),
  },
];

/** Columns that mean the same thing: what people join by. */
export const RELATED: readonly (readonly string[])[] = [
  ["member_id", "donor"],
  ["lang"],
  ["code"],
  ["branch", "id"],
  ["genre", "id", "parent"],
  ["day", "given", "due"],
];
