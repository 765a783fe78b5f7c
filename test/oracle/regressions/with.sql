-- Found by random statements.

-- @id regressions.unused_cte_of_single_table | seed 5, statements 253, 685, 1192: a CTE that nobody reads still names a table that not every node has
WITH unused AS MATERIALIZED (SELECT r.changed FROM remarks k RIGHT JOIN rates r ON k.body = r.key) SELECT d.donation_id FROM donations d;
