/**
 * The `options` parameter of a startup packet (PGOPTIONS): command-line switches of a server process. Pleiad knows those that set
 * something for the session, `-c name=value` and `--name=value`.
 */
import { pgError } from "../errors/pg-error.ts";

/** Cuts at white space; a backslash takes the next character as it is. */
function splitSwitches(text: string): string[] {
  const words: string[] = [];
  const word = /(?:\\[\s\S]|[^\s\\])+/g;
  for (const [match] of text.matchAll(word)) words.push(match.replaceAll(/\\([\s\S])/g, "$1"));
  return words;
}

/** Names in lower case, a later one over an earlier one of the same name. Throws what PostgreSQL would say. */
export function parseStartupSwitches(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  const words = splitSwitches(text);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    let assignment: string | undefined;
    if (word.startsWith("--")) assignment = word.slice(2);
    else if (word.startsWith("-c")) assignment = word === "-c" ? words[++i] : word.slice(2);
    if (assignment === undefined || assignment === "") {
      throw pgError("42601", `invalid command-line argument for server process: ${word}`, {
        severity: "FATAL",
        hint: "Pleiad takes -c name=value and --name=value.",
      });
    }
    const equals = assignment.indexOf("=");
    if (equals < 0) {
      const spelled = word.startsWith("--") ? `--${assignment}` : `-c ${assignment}`;
      throw pgError("42601", `${spelled} requires a value`, { severity: "FATAL" });
    }
    const name = assignment.slice(0, equals).replaceAll("-", "_").toLowerCase();
    settings.set(name, assignment.slice(equals + 1));
  }
  return settings;
}
