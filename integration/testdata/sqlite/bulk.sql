-- Enough rows for several megabytes of file, an index over them, deletion and reuse of pages.
PRAGMA journal_mode;
PRAGMA page_size;
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO t SELECT i, 'row number ' || (i * 7919 % 20011), zeroblob(i % 300) FROM n;
CREATE INDEX tb ON t(b);
SELECT count(*), sum(length(c)), min(b), max(b) FROM t;
SELECT a FROM t WHERE b = 'row number 4711';
DELETE FROM t WHERE a % 3 = 0;
INSERT INTO t(b, c) SELECT b, x'0102030405' FROM t WHERE a < 3000;
SELECT count(*), sum(a), sum(length(c)) FROM t;
VACUUM;
PRAGMA page_count;
PRAGMA integrity_check;
