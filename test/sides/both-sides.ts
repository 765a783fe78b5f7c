/** A plain PostgreSQL and a Pleiad for the tests of one file. */
import { afterAll, beforeAll, expect } from "vitest";
import { converseWithBoth, startSides, type Sides, type Step } from "./conversation.ts";

export interface BothSides extends Pick<Sides, "plain" | "pleiad"> {
  /** A session of these steps, in which both say the same. */
  readonly same: (...steps: readonly Step[]) => Promise<void>;
}

/** To be called where the file's tests are described: starts both, and prepares them by a session in which both say the same. */
export function bothSides(setup: readonly Step[]): BothSides {
  let sides: Sides | undefined;
  const started = (): Sides => {
    if (sides === undefined) throw new Error("the sides are started before the first test");
    return sides;
  };
  const same = async (...steps: readonly Step[]): Promise<void> => {
    const [plain, pleiad] = await converseWithBoth(started(), steps);
    expect(pleiad).toEqual(plain);
  };
  beforeAll(async () => {
    sides = await startSides();
    await same(...setup);
  });
  afterAll(() => sides?.destroy());
  return {
    get plain() {
      return started().plain;
    },
    get pleiad() {
      return started().pleiad;
    },
    same,
  };
}
