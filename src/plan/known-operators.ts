/**
 * Names of PostgreSQL 18's own operators. One that only a user or an extension has made stands for a function of theirs; one
 * of these names over types of an extension is taken to be that extension's, which reads no tables.
 */
const known: ReadonlySet<string> = new Set(
  [
    "!! !~ !~* !~~ !~~* # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> <<",
    "<<= <<| <= <> <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> ||",
    "||/ ~ ~* ~<=~ ~<~ ~= ~>=~ ~>~ ~~ ~~*",
  ].flatMap((line) => line.split(" ")),
);

export function isKnownOperator(name: string): boolean {
  return known.has(name) || name === "!=";
}
