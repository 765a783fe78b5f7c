/** What coordinators announce of definitions: topics of the registry on one side, the node's shared memory on the other. */
import type { DefinitionStates } from "../shared-memory/definition-states.ts";
import type { Announcement } from "./registry.ts";

type Word = "committing" | "defining" | "changed";

const topicOf = (word: Word, entry: number): string => `${word} ${entry}`;

/** The entry that a topic is about, if it is about one. */
export function entryOf(topic: string): number | undefined {
  const found = /^(?:committing|defining|changed) (\d+)$/.exec(topic);
  return found === null ? undefined : Number(found[1]);
}

/** What this node has to say of an entry now. */
export function topicsOf(states: DefinitionStates, entry: number): Map<string, number | undefined> {
  const { committing, defining, changes } = states.own(entry);
  return new Map([
    [topicOf("committing", entry), committing ? 1 : undefined],
    [topicOf("defining", entry), defining ? 1 : undefined],
    [topicOf("changed", entry), changes === 0 ? undefined : changes],
  ]);
}

/** What others say of an entry. */
interface Said {
  committing: number;
  defining: number;
  /** Equal only if nothing was committed or changed in between. */
  events: string;
}

const NOTHING: Said = { committing: 0, defining: 0, events: "" };

/** Puts what others announce into the node's shared memory. */
export class AnnouncedDefinitions {
  private readonly states: DefinitionStates;
  private known = new Map<number, Said>();

  constructor(states: DefinitionStates) {
    this.states = states;
  }

  apply(announcements: readonly Announcement[]): void {
    const said = readAnnouncements(announcements);
    for (const entry of new Set([...this.known.keys(), ...said.keys()])) {
      const before = this.known.get(entry) ?? NOTHING;
      const now = said.get(entry) ?? NOTHING;
      const happened = before.events !== now.events;
      // Whoever plans from here on waits, or loads what is committed; whoever has planned before is told.
      if (happened) this.states.advance(entry);
      this.states.setOthers(entry, now.committing, now.defining);
      if (happened) this.states.advance(entry);
    }
    this.known = said;
  }
}

function readAnnouncements(announcements: readonly Announcement[]): Map<number, Said> {
  const said = new Map<number, Said>();
  const ordered = announcements.toSorted((a, b) => a.epoch - b.epoch || (a.topic < b.topic ? -1 : 1));
  for (const { epoch, topic, value } of ordered) {
    const entry = entryOf(topic);
    if (entry === undefined) continue;
    const known = said.get(entry) ?? { ...NOTHING };
    said.set(entry, known);
    if (topic.startsWith("defining")) known.defining++;
    else known.events += `${epoch} ${topic} ${value};`;
    if (topic.startsWith("committing")) known.committing++;
  }
  return said;
}
