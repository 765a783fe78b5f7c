/** Progress on stderr: a line per step with the time it took; on a terminal the running step has a spinner. */
import { silent, type Progress } from "../operations/progress.ts";

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const frameMs = 80;

export interface ProgressLines extends Progress {
  /** The last step has ended. */
  end(outcome: "done" | "failed"): void;
}

/** For --json. */
export const quietProgress: ProgressLines = { ...silent, end() {} };

export function progressLines(stream: NodeJS.WriteStream = process.stderr): ProgressLines {
  let current: { readonly text: string; readonly startedAt: number } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let frame = 0;

  const clear = () => {
    if (stream.isTTY) stream.write("\r\u001b[K");
  };
  const draw = () => {
    if (current) stream.write(`\r\u001b[K${frames[frame++ % frames.length]} ${current.text}`);
  };
  const finish = (mark: string) => {
    clearInterval(timer);
    if (!current) return;
    clear();
    const seconds = ((Date.now() - current.startedAt) / 1000).toFixed(2);
    stream.write(`${mark} ${current.text} (${seconds} s)\n`);
    current = undefined;
  };

  return {
    step: (text) => {
      finish("✓");
      current = { text, startedAt: Date.now() };
      if (!stream.isTTY) return;
      draw();
      timer = setInterval(draw, frameMs);
      timer.unref();
    },
    warn: (text) => {
      clear();
      stream.write(`! ${text}\n`);
    },
    end: (outcome) => finish(outcome === "done" ? "✓" : "✗"),
  };
}
