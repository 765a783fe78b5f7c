/** docs/configuration.md, made from the schema. A test keeps the file equal to it. */
import { stringify } from "yaml";
import { configKeys, environmentName, type ConfigKey } from "./keys.ts";

const introduction = `# Configuration

<!-- Made from the schema by \`npm run --silent pleiad -- config reference > docs/configuration.md\`. -->

Pleiad needs no configuration. What is to differ is said in \`pleiad.yaml\`, in environment variables, or by flags of
\`pleiad up\`; flags win over the environment, that over the file. The file is the one named by \`--config\` or \`PLEIAD_CONFIG\`, else
\`pleiad.yaml\` in the current directory, else in the data directory. A path in it is relative to the file.

The environment variable of a key is \`PLEIAD_\` and its path in upper case: \`server.fsync\` is \`PLEIAD_SERVER_FSYNC\`. Lists and
maps are written there as JSON or YAML. Every key can be set on the command line with \`--set key=value\`.

A key that changes with a *reload* takes effect with \`pleiad reload\`, which reads the file again and keeps the flags and the environment of
\`pleiad up\`; the others at the next start, and a reload says which of them are configured otherwise.

A key that does not exist is refused, and the nearest one that does is named. \`pleiad config check\` shows every value in force and
where it comes from.

`;

const example = `## Example

\`\`\`yaml
port: 6432
host: 0.0.0.0
data_nodes: 4
authentication:
  - address: 127.0.0.1/32
    method: trust
  - address: 10.0.0.0/8
    method: scram-sha-256
server:
  shared_buffers: 1GB
  settings:
    work_mem: 32MB
\`\`\`
`;

function defaultText(key: ConfigKey): string {
  if (key.default === undefined) return "";
  if (key.type !== "list") return `\`${JSON.stringify(key.default).replaceAll('"', "")}\``;
  return "see below";
}

function cells(key: ConfigKey): string {
  const type = key.values ? key.values.map((value) => `\`${value}\``).join(", ") : key.type;
  return `| \`${key.path}\` | ${type} | ${defaultText(key)} | ${key.description} |`;
}

const elementHead = "| key | type | default | meaning |\n|---|---|---|---|\n";
const keyHead = "| key | type | default | meaning | changes with |\n|---|---|---|---|---|\n";

function row(key: ConfigKey): string {
  return `${cells(key)} ${key.reload ? "reload" : "start"} |`;
}

function listSection(key: ConfigKey): string {
  const elements = key.elementKeys.map(cells).join("\n");
  const fallback = stringify({ [key.path]: key.default }).trim();
  return `## \`${key.path}\`\n\n${key.description} Environment: \`${environmentName(key.path)}\`. Each entry:\n\n${elementHead}${elements}\n\nDefault:\n\n\`\`\`yaml\n${fallback}\n\`\`\`\n\n`;
}

export function configReference(): string {
  const leaves = configKeys.filter((key) => !key.section);
  const lists = leaves.filter((key) => key.type === "list").map(listSection);
  return `${introduction}## Keys\n\n${keyHead}${leaves.map(row).join("\n")}\n\n${lists.join("")}${example}`;
}
