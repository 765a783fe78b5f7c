/** `pleiad reload`: the coordinator's processes are replaced by such as run this program, with the settings of now. Clients stay. */
import { InvalidArgumentError, type Command } from "commander";
import { pathsOf, runningState } from "../operations/cluster-status.ts";
import { askControl } from "../operations/control-socket.ts";
import { OperationError } from "../operations/operation-error.ts";
import { loadFromOptions, withConfigOptions, type ConfigOptions } from "./config-options.ts";
import { print, printJson } from "./output.ts";
import { progressLines, quietProgress } from "./progress-lines.ts";
import { processArguments } from "./start-messages.ts";

interface ReloadOptions extends ConfigOptions {
  readonly timeout: number;
  readonly json?: boolean;
}

const timeoutSecondsDefault = 60;

function seconds(text: string): number {
  const value = Number(text);
  if (text === "" || !(value >= 0 && value <= 86_400))
    throw new InvalidArgumentError("It is a number of seconds, up to a day.");
  return value;
}

async function reload(options: ReloadOptions): Promise<void> {
  const { config } = loadFromOptions(options);
  const paths = pathsOf(config);
  if (runningState(paths) === undefined)
    throw new OperationError(`no cluster runs on ${paths.data}`, "Start it with `pleiad up`.");
  const progress = options.json ? quietProgress : progressLines();
  const warnings: string[] = [];
  try {
    await askControl(
      paths.control,
      { command: "reload", program: processArguments(), timeoutMs: options.timeout * 1000 },
      (answer) => {
        if (answer.kind === "step") progress.step(answer.text);
        else {
          warnings.push(answer.text);
          progress.warn(answer.text);
        }
      },
    );
    progress.end("done");
  } catch (error) {
    progress.end("failed");
    throw error;
  }
  if (options.json) printJson({ outcome: "reloaded", warnings });
  else print(`All processes of the coordinator on ${paths.data} were replaced.`);
}

export function registerReload(program: Command): void {
  withConfigOptions(program.command("reload"))
    .description("take over this version of the program and the settings of now, without dropping clients")
    .option(
      "--timeout <seconds>",
      "how long transactions and encrypted sessions may go on before they are ended",
      seconds,
      timeoutSecondsDefault,
    )
    .option("--json", "print the result as JSON")
    .action(reload);
}
