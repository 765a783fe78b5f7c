/**
 * Type bytes of the PostgreSQL protocol, version 3. Backend and frontend messages are two name spaces.
 * Source: https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
export const Frontend = {
  bind: 0x42, // B
  close: 0x43, // C
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyFail: 0x66, // f
  describe: 0x44, // D
  execute: 0x45, // E
  flush: 0x48, // H
  functionCall: 0x46, // F
  parse: 0x50, // P
  password: 0x70, // p
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
} as const;

export const Backend = {
  authentication: 0x52, // R
  backendKeyData: 0x4b, // K
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  commandComplete: 0x43, // C
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyInResponse: 0x47, // G
  copyOutResponse: 0x48, // H
  copyBothResponse: 0x57, // W
  dataRow: 0x44, // D
  emptyQueryResponse: 0x49, // I
  errorResponse: 0x45, // E
  functionCallResponse: 0x56, // V
  negotiateProtocolVersion: 0x76, // v
  noData: 0x6e, // n
  noticeResponse: 0x4e, // N
  notificationResponse: 0x41, // A
  parameterDescription: 0x74, // t
  parameterStatus: 0x53, // S
  parseComplete: 0x31, // 1
  portalSuspended: 0x73, // s
  readyForQuery: 0x5a, // Z
  rowDescription: 0x54, // T
} as const;

/** Transaction status in ReadyForQuery. */
export const Status = {
  idle: 0x49, // I
  inTransaction: 0x54, // T
  failed: 0x45, // E
} as const;

export type TransactionStatus = (typeof Status)[keyof typeof Status];
