import { describe, expect, test } from "vitest";
import type { ClusterRecord } from "./cluster-record.ts";
import type { DataDirectoryObservation, InstanceObservation } from "./observe-data-directory.ts";
import { computeStart, type StartPlan, type StartWishes } from "./start-steps.ts";

const runUid = 101;
const wishes: StartWishes = {
  size: { dataNodes: 2, computeNodes: 1 },
  dataNodesExplicit: false,
  computeNodesExplicit: false,
  pgMajor: 18,
  runUid,
  dataDirectory: "/data",
};
const record: ClusterRecord = { format: 1, state: "made", dataNodes: 2, computeNodes: 1, pgMajor: 18 };

function instance(name: string, more: Partial<InstanceObservation> = {}): [string, InstanceObservation] {
  const whole = { name, exists: true, volatile: name.startsWith("cn"), major: 18, uid: runUid };
  return [name, { ...whole, ...more }];
}

const absent = { exists: false, major: undefined, uid: undefined };
const whole = ["catalog", "dn1", "dn2", "cn1"].map((name) => instance(name));

function found(more: Partial<DataDirectoryObservation> = {}): DataDirectoryObservation {
  return {
    record,
    instances: new Map(whole),
    orphans: [],
    unfinished: [],
    template: true,
    memoryUsable: true,
    ...more,
  };
}

const empty = found({
  record: undefined,
  instances: new Map(whole.map(([name]) => instance(name, absent))),
  template: false,
});

function does(plan: StartPlan): string[] {
  return plan.steps.map((step) => step.do);
}

describe("first start", () => {
  test("an empty directory: the record says `making` before anything is made", () => {
    const plan = computeStart(empty, wishes);
    expect(does(plan)).toEqual(["remove instances", "record", "create template", "create instances"]);
    expect(plan.steps[1]).toMatchObject({ record: { state: "making" } });
    expect(plan).toMatchObject({ firstStart: true, size: { dataNodes: 2, computeNodes: 1 } });
  });

  test("one that was broken off begins anew, even with another size", () => {
    const plan = computeStart(found({ record: { ...record, state: "making" }, orphans: [7] }), {
      ...wishes,
      size: { dataNodes: 3, computeNodes: 1 },
      dataNodesExplicit: true,
    });
    expect(does(plan)[0]).toBe("stop orphans");
    expect(plan.steps.at(-1)).toMatchObject({ names: ["catalog", "dn1", "dn2", "dn3", "cn1"] });
  });

  test("servers without a record are never removed", () => {
    expect(() => computeStart(found({ record: undefined }), wishes)).toThrow("cluster.json is missing");
  });

  test("memory left by a removed cluster does not stand in the way", () => {
    const instances = new Map([...empty.instances, instance("cn1")]);
    expect(computeStart({ ...empty, instances }, wishes).firstStart).toBe(true);
  });
});

describe("restart", () => {
  test("all there: nothing to do", () => {
    expect(computeStart(found(), wishes)).toEqual({
      steps: [],
      size: { dataNodes: 2, computeNodes: 1 },
      firstStart: false,
      warnings: [],
    });
  });

  test("the default size gives way to the recorded one", () => {
    const size = { dataNodes: 5, computeNodes: 2 };
    expect(computeStart(found({ record: { ...record, ...size } }), wishes).size).toEqual(size);
  });

  test("another size that somebody asked for is refused", () => {
    const asked = { ...wishes, size: { dataNodes: 3, computeNodes: 1 }, dataNodesExplicit: true };
    expect(() => computeStart(found(), asked)).toThrow("data_nodes is 3, but /data was made with 2");
  });

  test("another PostgreSQL is refused", () => {
    expect(() => computeStart(found(), { ...wishes, pgMajor: 17 })).toThrow("made by PostgreSQL 18");
  });

  test("orphans and half-made directories of a crash are cleared first", () => {
    const plan = computeStart(found({ orphans: [7, 8], unfinished: ["/data/instances/dn2.new"] }), wishes);
    expect(does(plan)).toEqual(["stop orphans", "remove unfinished"]);
  });

  test("a lost compute node is made anew", () => {
    const instances = new Map([...whole, instance("cn1", absent)]);
    expect(computeStart(found({ instances }), wishes).steps).toEqual([
      { do: "create instances", names: ["cn1"] },
    ]);
    expect(does(computeStart(found({ instances, template: false }), wishes))).toEqual([
      "create template",
      "create instances",
    ]);
  });

  test("a lost data node is refused, never replaced by an empty one", () => {
    const missing = new Map([...whole, instance("dn2", absent)]);
    expect(() => computeStart(found({ instances: missing }), wishes)).toThrow(
      "files of server dn2 are missing",
    );
    const damaged = new Map([...whole, instance("catalog", { major: undefined })]);
    expect(() => computeStart(found({ instances: damaged }), wishes)).toThrow("server catalog are not whole");
  });

  test("files of another user are given to the user of the servers", () => {
    const instances = new Map([...whole, instance("dn1", { uid: 65534 })]);
    expect(computeStart(found({ instances }), wishes).steps).toEqual([
      { do: "change owner", names: ["dn1"] },
    ]);
  });

  test("a system without /dev/shm is told", () => {
    expect(computeStart(found({ memoryUsable: false }), wishes).warnings[0]).toContain("/dev/shm");
  });
});
