import { describe, expect, test } from "vitest";
import { bindComplete, noData, rowDescription, type Field } from "../protocol/backend-messages.ts";
import type { BindMessage } from "../protocol/frontend-messages.ts";
import { describePortal, Portals, type Portal } from "./portals.ts";

const field = (name: string): Field => ({
  name: Buffer.from(name),
  tableOid: 0,
  columnNumber: 0,
  typeOid: 23,
  typeSize: 4,
  typeModifier: -1,
});

const bind = (...resultFormats: number[]) => ({ resultFormats }) as unknown as BindMessage;

describe("describePortal", () => {
  const fields = [field("a"), field("b")];

  test.each([[[]], [[0]], [[1]], [[0, 1]], [[1, 1]]])(
    "formats %j are those of the description",
    (formats) => {
      for (let i = 0; i < 2; i++) {
        const { alone, withBind } = describePortal(fields, bind(...formats));
        expect(alone).toEqual(rowDescription(fields, formats));
        expect(withBind).toEqual(Buffer.concat([bindComplete, alone]));
      }
    },
  );

  test("without columns", () => {
    expect(describePortal(undefined, bind()).withBind).toEqual(Buffer.concat([bindComplete, noData]));
  });
});

describe("Portals", () => {
  test("all are closed, the unnamed one too, each once", () => {
    const closed: string[] = [];
    const portals = new Portals();
    for (const name of ["", "a", "b"])
      portals.set(name, { state: { close: () => closed.push(name) } } as unknown as Portal);
    portals.close("a");
    portals.closeAll();
    portals.closeAll();
    expect(closed).toEqual(["a", "", "b"]);
    expect(portals.get("b")).toBeUndefined();
  });
});
