/** Names of conditions in EXCEPTION WHEN, as in PostgreSQL's appendix "Error Codes": those that scripts of definitions and of rows meet. */

const CODES: Readonly<Record<string, string>> = {
  division_by_zero: "22012",
  numeric_value_out_of_range: "22003",
  invalid_text_representation: "22P02",
  string_data_right_truncation: "22001",
  integrity_constraint_violation: "23000",
  restrict_violation: "23001",
  not_null_violation: "23502",
  foreign_key_violation: "23503",
  unique_violation: "23505",
  check_violation: "23514",
  exclusion_violation: "23P01",
  dependent_objects_still_exist: "2BP01",
  invalid_schema_name: "3F000",
  syntax_error: "42601",
  insufficient_privilege: "42501",
  grouping_error: "42803",
  datatype_mismatch: "42804",
  wrong_object_type: "42809",
  invalid_foreign_key: "42830",
  undefined_column: "42703",
  undefined_function: "42883",
  undefined_table: "42P01",
  undefined_parameter: "42P02",
  undefined_object: "42704",
  duplicate_column: "42701",
  duplicate_cursor: "42P03",
  duplicate_database: "42P04",
  duplicate_function: "42723",
  duplicate_schema: "42P06",
  duplicate_table: "42P07",
  duplicate_alias: "42712",
  duplicate_object: "42710",
  invalid_column_reference: "42P10",
  invalid_table_definition: "42P16",
  invalid_object_definition: "42P17",
  object_in_use: "55006",
  object_not_in_prerequisite_state: "55000",
  raise_exception: "P0001",
  others: "others",
};

/** The SQLSTATE of a condition (`SQLSTATE '42710'` is given as 42710); "others" for OTHERS; undefined for a name that is not known here. */
export function conditionCode(name: string): string | undefined {
  return /^[0-9A-Z]{5}$/.test(name) ? name : CODES[name.toLowerCase()];
}

/** Does a handler for `codes` catch this error? A code that ends in 000 stands for its class; OTHERS leaves cancels and failed assertions alone. */
export function isCaught(codes: ReadonlySet<string>, code: string): boolean {
  if (codes.has(code) || codes.has(`${code.slice(0, 2)}000`)) return true;
  return codes.has("others") && code !== "57014" && code !== "P0004";
}
