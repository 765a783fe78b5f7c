/** OIDs of PostgreSQL's built-in types that Pleiad can hash or order by itself; they are the same on every server. */
export const typeOids = {
  bool: 16,
  bytea: 17,
  char: 18,
  name: 19,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  float4: 700,
  float8: 701,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  uuid: 2950,
} as const;

/** PostgreSQL's FirstNormalObjectId: from here on an OID means something else on every server. */
export const FIRST_USER_OID = 16384;
