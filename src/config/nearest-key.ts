/** Which key somebody meant who wrote an unknown one. */

/** Edit distance in which swapping two neighbouring letters counts as one edit, since that is how people mistype. */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      }
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** The path of `known` (dotted) that `written` most likely meant, or undefined when nothing is near. */
export function nearestKey(written: string, known: readonly string[]): string | undefined {
  const spelled = (key: string) => key.toLowerCase().replaceAll("-", "_");
  const wanted = spelled(written);
  const lastPart = wanted.slice(wanted.lastIndexOf(".") + 1);
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const key of known) {
    const distance = editDistance(wanted, spelled(key));
    if (distance < bestDistance) [best, bestDistance] = [key, distance];
  }
  if (bestDistance <= Math.max(1, Math.floor(wanted.length / 3))) return best;
  // A right name at the wrong level: `fsync` for `server.fsync`.
  return known.find((key) => editDistance(key.slice(key.lastIndexOf(".") + 1), lastPart) <= 1);
}
