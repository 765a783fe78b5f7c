/**
 * A session's settings for one task. Which role a name means is asked anew for each: the role may have been dropped and another one made of
 * the same name, and a connection on which the name was set before would still have the old one.
 */
import { SessionSettings } from "../../transaction/settings.ts";

let tasks = 0;

export class TaskSettings extends SessionSettings {
  private readonly task = ++tasks;

  override get key(): string {
    const named = this.values.has("role") || this.values.has("session_authorization");
    return named ? `${super.key} ${this.task}` : super.key;
  }
}
