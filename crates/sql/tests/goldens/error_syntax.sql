SELEC a FROM t
-- next
SELECT a FROM
-- next
SELECT a,, b FROM t
-- next
SELECT 'open FROM t
-- next
SELECT a FROM t WHERE (a = 1
-- next
SELECT "a" FROM t
-- next
SELECT a FROM t GROUP a
-- next
SELECT a
  FROM t
 ORDER BY a
-- next
SELECT a FROM t LIMIT 10
-- next
SELECT a FROM t JOIN u ON t.x = u.x
-- next
SELECT a FROM t, u
-- next
SELECT a FROM t UNION ALL SELECT a FROM u
-- next
SELECT DISTINCT a FROM t
-- next
SELECT a::INT FROM t
-- next
SELECT CAST(a AS VARCHR(3)) FROM t
-- next
SELECT CAST(a AS ROW<x INT>) FROM t
-- next
SELECT a + INTERVAL '5' FORTNIGHT FROM t
-- next
SELECT a + INTERVAL 'x' DAY FROM t
-- next
SELECT a FROM t WHERE a IN (SELECT b FROM u)
-- next
SELECT a.b.c.d, ROW(1, 2), ARRAY[1] FROM t
-- next
SELECT SUM(a) OVER (PARTITION BY b) FROM t
-- next
INSERT OVERWRITE t SELECT a FROM u
-- next
INSERT INTO t VALUES (1, 2)
-- next
INSERT t SELECT a FROM u
-- next
CREATE VIEW v AS SELECT a FROM t
-- next
CREATE FUNCTION f AS 'x'
-- next
CREATE TABLE t (a INT)
-- next
CREATE TABLE t (a INT PRIMARY KEY) WITH ('connector' = 'kafka')
-- next
CREATE TABLE t (a INT, WATERMARK FOR a) WITH ('connector' = 'kafka')
-- next
CREATE TABLE t (a INT b INT) WITH ('connector' = 'kafka')
-- next
CREATE TABLE t (a DECIMAL(40, 2)) WITH ('connector' = 'kafka')
-- next
CREATE TABLE t (a MAP<STRING, INT>) WITH ('connector' = 'kafka')
-- next
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'connector' = 'print')
-- next
CREATE TABLE t (a INT) WITH (connector = 'kafka')
-- next
CREATE TABLE c.d.t (a INT) WITH ('connector' = 'kafka')
-- next
CREATE TABLE a LIKE b
-- next
SHOW DATABASES
-- next
USE db
-- next
EXPLAIN DROP TABLE t
-- next
SET 'a' 'b'
-- next
SELECT a FROM t SELECT b FROM t
-- next
EXECUTE STATEMENT SET BEGIN SELECT a FROM t; END
