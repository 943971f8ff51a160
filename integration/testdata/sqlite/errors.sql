-- Errors are reported with their line and end a batch with status 1 only under -bail.
CREATE TABLE t(a UNIQUE);
INSERT INTO t VALUES (1);
INSERT INTO t VALUES (1);
SELECT * FROM missing;
SELECT abs(-9223372036854775808);
SELEC 1;
SELECT 'still running';
