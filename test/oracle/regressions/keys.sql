-- Keys whose equality or nullness is not that of their bytes.

-- @id keys.row_of_nulls | IS NULL is true of a row of NULLs, which lies elsewhere than NULL
CREATE TYPE twofold AS (a int, b text);
CREATE TABLE t_row (k twofold, v int);
INSERT INTO t_row VALUES ('(1,a)', 1), ('(,)', 2), (NULL, 3), ('(2,)', 4);
SELECT v FROM t_row WHERE k IS NULL;
SELECT v FROM t_row WHERE k IS NOT NULL;
UPDATE t_row SET v = v + 10 WHERE k IS NULL RETURNING v;
DROP TABLE t_row;
DROP TYPE twofold;
