-- UNION, INTERSECT, EXCEPT: over the whole (Q5).

-- @id setops.union_all
SELECT member_id, 'member' AS what FROM members WHERE member_id < 9 UNION ALL SELECT donor, 'donor' FROM donations WHERE donor < 9;

-- @id setops.union | Q5: duplicates lie on several nodes
SELECT lang FROM titles UNION SELECT lang FROM languages;

-- @id setops.union_same_table | Q5
SELECT branch FROM loans WHERE state = 'out' UNION SELECT branch FROM loans WHERE state = 'late';

-- @id setops.union_colocated | Q5: even with the key in the list the rows of the other arm may lie elsewhere
SELECT member_id FROM loans UNION SELECT member_id FROM visits;

-- @id setops.intersect
SELECT donor FROM donations INTERSECT SELECT member_id FROM loans;

-- @id setops.intersect_all
SELECT code FROM titles WHERE lang IN ('da', 'de') INTERSECT ALL SELECT branch FROM loans;

-- @id setops.except
SELECT member_id FROM members EXCEPT SELECT member_id FROM loans;

-- @id setops.except_all
SELECT branch FROM loans EXCEPT ALL SELECT id FROM branches;

-- @id setops.except_null | NULLs are equal in set operations
SELECT donor FROM donations EXCEPT SELECT NULL::int;

-- @id setops.nested_precedence | INTERSECT binds closer
SELECT id FROM genres WHERE id < 9 UNION SELECT id FROM branches WHERE id < 12 INTERSECT SELECT code FROM titles WHERE code > 5;

-- @id setops.nested_parentheses
(SELECT id FROM genres WHERE id < 9 UNION SELECT id FROM branches WHERE id < 12) EXCEPT (SELECT code FROM titles WHERE code > 5 ORDER BY code LIMIT 30);

-- @id setops.order_by
SELECT name FROM genres WHERE id < 4 UNION ALL SELECT name FROM branches WHERE id < 4 ORDER BY 1;

-- @id setops.order_by_alias_limit | Q5
SELECT member_id AS id FROM members UNION ALL SELECT loan_id FROM loans ORDER BY id DESC LIMIT 5 OFFSET 3;

-- @id setops.limit_in_arms | Q5
(SELECT loan_id FROM loans ORDER BY loan_id LIMIT 3) UNION ALL (SELECT visit_id FROM visits ORDER BY visit_id DESC LIMIT 3);

-- @id setops.types | Q11: int and numeric, text and unknown
SELECT member_id, 'x' AS t, NULL AS n FROM members WHERE member_id < 3 UNION ALL SELECT 2.5, name, DATE '2024-01-01' FROM genres WHERE id < 3;

-- @id setops.types_literals | Q11
SELECT '1' UNION ALL SELECT lang FROM languages UNION ALL SELECT NULL;

-- @id setops.varchar_text | Q11
SELECT kind FROM visits WHERE visit_id < 9 UNION SELECT state::text FROM loans WHERE loan_id < 9;

-- @id setops.char_modifier | Q11
SELECT shelf FROM copies WHERE lang = 'da' UNION ALL SELECT 'A1'::char(3);

-- @id setops.enum
SELECT state FROM loans WHERE branch = 3 UNION SELECT 'lost' ORDER BY 1;

-- @id setops.composite
SELECT home FROM members WHERE member_id < 20 INTERSECT SELECT home FROM members WHERE member_id > 5;

-- @id setops.jsonb
SELECT payload FROM visits WHERE visit_id < 40 EXCEPT SELECT payload FROM visits WHERE visit_id > 20;

-- @id setops.aggregate_arms
SELECT 'loans', count(*) FROM loans UNION ALL SELECT 'visits', count(*) FROM visits UNION ALL SELECT 'members', count(*) FROM members;

-- @id setops.group_over
SELECT x, count(*) FROM (SELECT member_id AS x FROM loans UNION ALL SELECT donor FROM donations UNION ALL SELECT member_id FROM remarks) q GROUP BY x HAVING count(*) > 8;

-- @id setops.join_with
SELECT m.member_id, q.what FROM members m JOIN (SELECT member_id, 'loan' AS what FROM loans WHERE state = 'lost' UNION SELECT donor, 'gift' FROM donations) q USING (member_id) WHERE m.member_id < 60;

-- @id setops.in_subquery
SELECT count(*) FROM members WHERE member_id IN (SELECT donor FROM donations UNION SELECT member_id FROM visits WHERE kind = 'other');

-- @id setops.exists
SELECT lang FROM languages g WHERE EXISTS (SELECT 1 FROM titles t WHERE t.lang = g.lang UNION ALL SELECT 1 FROM remarks r WHERE r.lang = g.lang);

-- @id setops.correlated
SELECT g.lang, (SELECT count(*) FROM (SELECT code FROM titles t WHERE t.lang = g.lang UNION SELECT code FROM remarks r WHERE r.lang = g.lang) q) FROM languages g;

-- @id setops.replicated_all | once, not once per node
SELECT lang FROM languages UNION ALL SELECT lang FROM languages;

-- @id setops.replicated_distributed
SELECT lang FROM languages EXCEPT SELECT lang FROM titles;

-- @id setops.distributed_replicated
SELECT lang, code FROM titles WHERE code < 3 UNION ALL SELECT lang, NULL FROM languages;

-- @id setops.same_shard
SELECT loan_id FROM loans WHERE member_id = 7 AND state = 'out' EXCEPT SELECT loan_id FROM loans WHERE member_id = 7 AND charge < 20;

-- @id setops.values
VALUES (1, 'a'), (2, 'b') UNION SELECT id, name FROM genres WHERE id < 3;

-- @id setops.table_command
TABLE languages UNION TABLE languages;

-- @id setops.nondeterministic | Q9
SELECT count(*) FROM (SELECT label FROM titles WHERE lang = 'da' UNION SELECT label FROM titles WHERE lang = 'de') q;

-- @id setops.window_above
SELECT x, rank() OVER (ORDER BY x) FROM (SELECT id AS x FROM genres UNION SELECT id FROM branches) q;

-- @id setops.five_arms
SELECT 1 AS n, count(*) FROM members UNION ALL SELECT 2, count(*) FROM loans UNION ALL SELECT 3, count(*) FROM titles UNION ALL SELECT 4, count(*) FROM remarks UNION ALL SELECT 5, count(*) FROM rates ORDER BY n;

-- @id setops.column_count | expect 42601 | messages
SELECT member_id FROM members UNION SELECT lang, code FROM titles;

-- @id setops.type_mismatch | expect 42804 | messages
SELECT member_id FROM members UNION SELECT born FROM members;

-- @id setops.order_by_expression | expect 0A000 | messages
SELECT id FROM genres UNION SELECT id FROM branches ORDER BY id + 1;

-- @id setops.view | Q1
SELECT member_id FROM open_loans EXCEPT SELECT donor FROM donations;
