/**
 * Who may log in from where and how: `authentication` of pleiad.yaml, the counterpart of pg_hba.conf. The first rule that fits
 * decides; when none fits the client is refused.
 */
import { pgError, type PgError } from "../errors/pg-error.ts";
import { addressBytes, inRange, parseAddressRange, type AddressRange } from "./ip-address.ts";

export type LoginMethod = "trust" | "scram-sha-256" | "reject";

export interface HostRule {
  /** Name of a database, `all`, or `sameuser` (the database named as the role). */
  readonly database: string;
  /** Name of a role, or `all`. */
  readonly user: string;
  /** CIDR range, single address, or `all`. */
  readonly address: string;
  /** Whether the rule fits only encrypted (`require`) or only plain (`refuse`) connections. Default: any. */
  readonly tls?: "any" | "require" | "refuse" | undefined;
  readonly method: LoginMethod;
}

export interface LoginAttempt {
  readonly database: string;
  readonly user: string;
  /** Of the client; undefined on a Unix socket. */
  readonly address: string | undefined;
  readonly tls: boolean;
}

export type HostDecision =
  | { readonly method: Exclude<LoginMethod, "reject"> }
  | { readonly method: "reject"; readonly error: PgError };

interface CompiledRule extends HostRule {
  /** undefined: all. */
  readonly range: AddressRange | undefined;
}

export class HostRules {
  private readonly rules: readonly CompiledRule[];

  /** Throws on an address that is none: a rule that silently fitted nobody could hide one that lets everybody in. */
  constructor(rules: readonly HostRule[]) {
    this.rules = rules.map((rule) => {
      if (rule.address === "all") return { ...rule, range: undefined };
      const range = parseAddressRange(rule.address);
      if (range === undefined) {
        throw pgError(
          "F0000",
          `invalid address "${rule.address}" in the authentication rules of pleiad.yaml`,
          {
            hint: "Write a range such as 10.0.0.0/8 or ::1/128, a single address, or all.",
          },
        );
      }
      return { ...rule, range };
    });
  }

  decide(attempt: LoginAttempt): HostDecision {
    const address = attempt.address === undefined ? undefined : addressBytes(attempt.address);
    const rule = this.rules.find((candidate) => fits(candidate, attempt, address));
    if (rule !== undefined && rule.method !== "reject") return { method: rule.method };
    const host = attempt.address ?? "[local]";
    const encryption = attempt.tls ? "SSL encryption" : "no encryption";
    const who = `for host "${host}", user "${attempt.user}", database "${attempt.database}", ${encryption}`;
    return {
      method: "reject",
      error:
        rule === undefined
          ? pgError("28000", `no pleiad.yaml authentication rule ${who}`, { severity: "FATAL" })
          : pgError("28000", `pleiad.yaml rejects connection ${who}`, { severity: "FATAL" }),
    };
  }
}

function fits(rule: CompiledRule, attempt: LoginAttempt, address: Buffer | undefined): boolean {
  if (rule.tls === "require" && !attempt.tls) return false;
  if (rule.tls === "refuse" && attempt.tls) return false;
  if (rule.database === "sameuser") {
    if (attempt.database !== attempt.user) return false;
  } else if (rule.database !== "all" && rule.database !== attempt.database) return false;
  if (rule.user !== "all" && rule.user !== attempt.user) return false;
  if (rule.range === undefined) return true;
  return address !== undefined && inRange(rule.range, address);
}
