/** What the processes of a node tell each other. All goes through the supervisor, the parent of all. */
import type { PleiadConfig } from "../config/schema.ts";
import type { Topology } from "../config/topology.ts";

/** What a process has to know to begin. */
export interface ProcessStart {
  /** Where the node's shared memory is. */
  readonly memory: string;
  /** Its record in the table of processes. */
  readonly slot: number;
  readonly life: number;
  readonly topology: Topology;
  readonly config: PleiadConfig;
  /** By server: what passes the gate. */
  readonly gateSecrets: readonly (readonly [server: string, secret: string])[];
  /** Names this node's data directory among those of the cluster's coordinators. */
  readonly place: string;
  /** Session workers of this node. */
  readonly workers: number;
  /** Executors of this node. */
  readonly executors: number;
}

/** From the supervisor. Connections are called by their numbers in the table of sessions. */
export type ToProcess =
  | { readonly kind: "start"; readonly start: ProcessStart }
  /** To the listener. */
  | { readonly kind: "listen"; readonly host: string; readonly port: number }
  /** To the listener, with the handle of the socket that another has listened on: go on. Of these connections there are handles. */
  | { readonly kind: "take over"; readonly held: readonly number[] }
  /** To a worker, with the connection's handle: it is yours. */
  | { readonly kind: "session"; readonly id: number }
  /** To a worker: it has been sent connections that another had and died, or never got (connection-mail.ts). */
  | { readonly kind: "mail" }
  /** To the listener: that connection did not reach its worker. */
  | { readonly kind: "returned"; readonly id: number; readonly life: number }
  /** To the owner of the session: its client wants its statement cancelled. */
  | { readonly kind: "cancel"; readonly id: number }
  /** To a worker: another is to go on with this session, as soon as it stands between two messages. */
  | { readonly kind: "hand over"; readonly id: number }
  /** To the listener: its worker has let go of that session. */
  | { readonly kind: "released"; readonly id: number }
  /** To the listener: these connections are over. */
  | { readonly kind: "closed"; readonly ids: readonly number[] }
  /** To the listener: the process of this life has ended. */
  | { readonly kind: "ended"; readonly life: number }
  /** To the transaction process: finish what the process of this life left prepared. */
  | { readonly kind: "settle"; readonly life: number }
  /** To the transaction process: clients connect here. */
  | { readonly kind: "address"; readonly address: string }
  /** To the transaction process: tell other coordinators what the memory says of this entry of the definitions. */
  | { readonly kind: "announce"; readonly entry: number; readonly ticket: number; readonly life: number }
  /** To a worker: they act on it. */
  | { readonly kind: "announced"; readonly ticket: number }
  /** To workers: what was not answered may have been lost. */
  | { readonly kind: "announce again" }
  /** Close idle connections to this database, and say `left`. */
  | { readonly kind: "leave"; readonly database: string; readonly ticket: number }
  | { readonly kind: "left"; readonly ticket: number }
  /** Another takes your place: give away what you have and end; what is left after so long ends with you. */
  | { readonly kind: "retire"; readonly ms: number }
  | { readonly kind: "stop" };

/** To the supervisor. */
export type FromProcess =
  /** The version of the program. */
  | { readonly kind: "begun"; readonly version: string }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly message: string }
  /** From the listener, with the handle of its socket. */
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "cannot listen"; readonly code: string; readonly message: string }
  /** From the listener, with the handle of a new connection: for the worker of this life. */
  | { readonly kind: "session"; readonly id: number; readonly life: number }
  /** From the listener: the worker of this life goes on with these connections. */
  | { readonly kind: "adopt"; readonly ids: readonly number[]; readonly life: number }
  /** From the listener: the worker of this life is to give that session to another. */
  | { readonly kind: "hand over"; readonly id: number; readonly life: number }
  /** From a worker. */
  | { readonly kind: "released"; readonly id: number }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "closed"; readonly ids: readonly number[] }
  | { readonly kind: "settled"; readonly life: number }
  | { readonly kind: "announce"; readonly entry: number; readonly ticket: number }
  | { readonly kind: "announced"; readonly ticket: number; readonly life: number }
  | { readonly kind: "leave"; readonly database: string; readonly ticket: number }
  | { readonly kind: "left"; readonly ticket: number };
