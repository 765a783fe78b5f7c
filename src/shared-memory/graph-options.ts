/** What a writer and a reader of graphs have to agree on. */

/** What is written in the place of an object. */
export interface Replacement {
  /** Tells the reader what to make of `value`; 0, 1, 2 … */
  readonly kind: number;
  readonly value: unknown;
}

export interface EncodeOptions {
  /** The symbols that may be in the graph; the reader must be given the same ones in the same order. */
  readonly symbols?: readonly symbol[];
  /** Asked once for each object; undefined: the object is written itself. */
  readonly replace?: (value: object) => Replacement | undefined;
}

export interface DecodeOptions {
  readonly symbols?: readonly symbol[];
  /** What `replace` had something written for. What it throws, decodeGraph() throws. */
  readonly revive?: (kind: number, value: unknown) => object;
}
