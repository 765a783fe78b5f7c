/**
 * The SELECT that a writing statement contains: the same FROM and WHERE, and all its expressions in the select list. Made of
 * the statement's own nodes, whose locations stay true, so that whatever the read planner finds (places of names, views,
 * calls of now()) can be spliced into the statement's text.
 */
import type {
  DeleteStmt,
  InsertStmt,
  JoinType,
  MergeStmt,
  Node,
  RangeVar,
  ResTarget,
  ReturningClause,
  SelectStmt,
  UpdateStmt,
} from "@pgsql/types";

interface Parts {
  readonly with: SelectStmt["withClause"];
  readonly list: readonly Node[];
  readonly from: readonly Node[];
  readonly where: Node | undefined;
}

function select(parts: Parts): SelectStmt {
  return {
    ...(parts.with === undefined ? {} : { withClause: parts.with }),
    targetList: parts.list.map(asTarget),
    fromClause: [...parts.from],
    ...(parts.where === undefined ? {} : { whereClause: parts.where }),
    limitOption: "LIMIT_OPTION_DEFAULT",
    op: "SETOP_NONE",
  };
}

function asTarget(node: Node): Node {
  if (!("ResTarget" in node)) return { ResTarget: { val: node } };
  const { val } = node.ResTarget;
  return { ResTarget: val === undefined ? {} : { val } };
}

function returned(clause: ReturningClause | undefined): readonly Node[] {
  return clause?.exprs ?? [];
}

/** The assigned expressions. (a, b) = (SELECT …) stands in the tree once per column: it is taken once. */
export function assignedValues(targets: readonly Node[] | undefined): Node[] {
  return targetsOf(targets).flatMap((target) => {
    const value = target.val;
    const subscripts = target.indirection ?? [];
    if (value === undefined || "SetToDefault" in value) return subscripts;
    if (!("MultiAssignRef" in value)) return [value, ...subscripts];
    const { source, colno } = value.MultiAssignRef;
    if (source === undefined || (colno ?? 0) > 1) return subscripts;
    return "RowExpr" in source
      ? [...(source.RowExpr.args ?? []).filter((n) => !("SetToDefault" in n)), ...subscripts]
      : [source, ...subscripts];
  });
}

export function targetsOf(targets: readonly Node[] | undefined): ResTarget[] {
  return (targets ?? []).flatMap((node) => ("ResTarget" in node ? [node.ResTarget] : []));
}

export function updateAsSelect(statement: UpdateStmt, target: RangeVar): SelectStmt {
  return select({
    with: statement.withClause,
    list: [...assignedValues(statement.targetList), ...returned(statement.returningClause)],
    from: [{ RangeVar: target }, ...(statement.fromClause ?? [])],
    where: statement.whereClause,
  });
}

export function deleteAsSelect(statement: DeleteStmt, target: RangeVar): SelectStmt {
  return select({
    with: statement.withClause,
    list: returned(statement.returningClause),
    from: [{ RangeVar: target }, ...(statement.usingClause ?? [])],
    where: statement.whereClause,
  });
}

/** The expressions of ON CONFLICT and RETURNING. */
export function clauseExpressions(statement: InsertStmt): Node[] {
  const conflict = statement.onConflictClause;
  const nodes: (Node | undefined)[] = [
    ...assignedValues(conflict?.targetList),
    conflict?.whereClause,
    conflict?.infer?.whereClause,
    ...(conflict?.infer?.indexElems ?? []).map((n) => ("IndexElem" in n ? n.IndexElem.expr : undefined)),
    ...returned(statement.returningClause),
  ];
  return nodes.filter((node) => node !== undefined);
}

export function insertAsSelect(statement: InsertStmt, target: RangeVar): SelectStmt {
  const source = statement.selectStmt;
  const from: Node[] = [{ RangeVar: target }];
  if (source !== undefined) from.push({ RangeSubselect: { subquery: withoutDefaults(source) } });
  return select({ with: statement.withClause, list: clauseExpressions(statement), from, where: undefined });
}

/** DEFAULT is no expression; where it stands in VALUES nothing is read. */
function withoutDefaults(source: Node): Node {
  if (!("SelectStmt" in source) || source.SelectStmt.valuesLists === undefined) return source;
  const lists = source.SelectStmt.valuesLists.map((list): Node => {
    if (!("List" in list)) return list;
    return { List: { items: (list.List.items ?? []).filter((item) => !("SetToDefault" in item)) } };
  });
  return { SelectStmt: { ...source.SelectStmt, valuesLists: lists } };
}

/** Which side's unmatched rows play a part decides on the kind of join. */
export function mergeAsSelect(statement: MergeStmt, target: RangeVar): SelectStmt {
  const clauses = (statement.mergeWhenClauses ?? []).flatMap((n) =>
    "MergeWhenClause" in n ? [n.MergeWhenClause] : [],
  );
  const bySource = clauses.some((c) => c.matchKind === "MERGE_WHEN_NOT_MATCHED_BY_SOURCE");
  const byTarget = clauses.some((c) => c.matchKind === "MERGE_WHEN_NOT_MATCHED_BY_TARGET");
  const jointype: JoinType = bySource
    ? byTarget
      ? "JOIN_FULL"
      : "JOIN_LEFT"
    : byTarget
      ? "JOIN_RIGHT"
      : "JOIN_INNER";
  const list: Node[] = clauses.flatMap((clause) => [
    ...(clause.condition === undefined ? [] : [clause.condition]),
    ...assignedValues(clause.targetList),
    ...(clause.values ?? []).filter((value) => !("SetToDefault" in value)),
  ]);
  const join: Node = {
    JoinExpr: {
      jointype,
      larg: { RangeVar: target },
      ...(statement.sourceRelation === undefined ? {} : { rarg: statement.sourceRelation }),
      ...(statement.joinCondition === undefined ? {} : { quals: statement.joinCondition }),
    },
  };
  return select({
    with: statement.withClause,
    list: [...list, ...returned(statement.returningClause)],
    from: [join],
    where: undefined,
  });
}
