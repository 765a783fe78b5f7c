/** The tour of `pleiad demo`: statements over the sample data, one of each way in which Pleiad runs a statement. */

export interface TourStop {
  readonly title: string;
  /** What to notice. */
  readonly explanation: string;
  /** Run one after the other over one connection. */
  readonly statements: readonly string[];
  /** The plan that EXPLAIN shows for the first statement that reads: what the stop is there to show. */
  readonly level: "route" | "gather" | "general" | "write";
}

export const demoTour: readonly TourStop[] = [
  {
    title: "One customer's orders",
    explanation:
      "The key is known: one shard on one data node answers, and its bytes pass through untouched.",
    statements: [
      "SELECT id, placed, status FROM orders WHERE customer_id = 4711 ORDER BY placed DESC LIMIT 5",
    ],
    level: "route",
  },
  {
    title: "Three tables that lie together",
    explanation:
      "Customers, orders and order lines of one customer share a data node, products are on every one: the whole join runs there.",
    statements: [
      `SELECT o.id, p.name, l.quantity, l.quantity * l.price AS amount
FROM customers c
  JOIN orders o ON o.customer_id = c.id
  JOIN order_lines l ON l.customer_id = o.customer_id AND l.order_id = o.id
  JOIN products p ON p.id = l.product_id
WHERE c.id = 42 AND o.status = 'returned'
ORDER BY amount DESC
LIMIT 5`,
    ],
    level: "route",
  },
  {
    title: "Rows of all nodes",
    explanation:
      "Nothing has to be combined: every data node is asked at once, and the rows are streamed as they come.",
    statements: [
      `SELECT customer_id, id, placed FROM orders
WHERE status = 'returned' AND placed >= '2025-12-01' AND placed < '2025-12-02'`,
    ],
    level: "gather",
  },
  {
    title: "Best-selling categories",
    explanation:
      "Groups reach over nodes: the needed columns go to a compute node, and PostgreSQL adds them up there.",
    statements: [
      `SELECT p.category, count(*) AS lines, sum(l.quantity * l.price) AS revenue
FROM order_lines l JOIN products p ON p.id = l.product_id
GROUP BY p.category
ORDER BY revenue DESC`,
    ],
    level: "general",
  },
  {
    title: "A join off the key",
    explanation:
      "Who brought in the best new customers? Referrer and referred lie on different nodes; every join works.",
    statements: [
      `SELECT r.name, r.country, count(DISTINCT c.id) AS referred, count(o.id) AS orders
FROM customers r
  JOIN customers c ON c.referred_by = r.id
  JOIN orders o ON o.customer_id = c.id
WHERE c.joined >= '2024-06-01'
GROUP BY r.id, r.name, r.country
ORDER BY orders DESC, r.id
LIMIT 5`,
    ],
    level: "general",
  },
  {
    title: "A window over the whole",
    explanation: "The best customer of each country: ranked once over all nodes, not once per node.",
    statements: [
      `SELECT country, name, orders
FROM (
  SELECT c.country, c.name, count(*) AS orders, rank() OVER (PARTITION BY c.country ORDER BY count(*) DESC, c.id) AS place
  FROM customers c JOIN orders o ON o.customer_id = c.id
  GROUP BY c.id, c.country, c.name) ranked
WHERE place = 1
ORDER BY orders DESC`,
    ],
    level: "general",
  },
  {
    title: "A recursive query",
    explanation: "Chains of referrals, generation by generation, over a table that is spread over the nodes.",
    statements: [
      `WITH RECURSIVE chain AS (
  SELECT id, 0 AS generation FROM customers WHERE id = 1
  UNION ALL
  SELECT c.id, chain.generation + 1 FROM customers c JOIN chain ON c.referred_by = chain.id)
SELECT generation, count(*) AS customers FROM chain GROUP BY generation ORDER BY generation`,
    ],
    level: "general",
  },
  {
    title: "A transaction over two nodes",
    explanation:
      "Credit moves between customers on different data nodes: both rows change, or neither does (two-phase commit).",
    statements: [
      "BEGIN",
      "UPDATE customers SET credit = credit - 5 WHERE id = 17",
      "UPDATE customers SET credit = credit + 5 WHERE id = 4711",
      "COMMIT",
      "SELECT id, name, credit FROM customers WHERE id IN (17, 4711) ORDER BY id",
    ],
    level: "write",
  },
];
