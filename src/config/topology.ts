/** The servers of one cluster, as the operations manager started them and as a coordinator uses them. */
export interface Server {
  /** catalog, dn1, dn2, …, cn1, … */
  readonly name: string;
  readonly kind: "catalog" | "data" | "compute";
  /** Directory of the Unix socket (`.s.PGSQL.<port>`), or a host name or address for TCP. */
  readonly host: string;
  readonly port: number;
}

export interface Topology {
  readonly servers: readonly Server[];
  /** Role as which Pleiad itself logs in to the servers: a superuser, never a client's. */
  readonly internalRole: string;
}
