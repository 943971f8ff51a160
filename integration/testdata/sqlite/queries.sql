-- Tables, joins, windows, common table expressions, full text, JSON, transactions.
.headers on
.mode column
CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT NOT NULL, boss REFERENCES staff, pay REAL CHECK (pay > 0));
INSERT INTO staff VALUES (1,'Ada',NULL,900.5),(2,'Bert',1,700),(3,'Cleo',1,650.25),(4,'Dan',2,500),(5,'Eva',2,510);
SELECT s.name, b.name AS boss, s.pay FROM staff s LEFT JOIN staff b ON s.boss = b.id ORDER BY s.pay DESC;
WITH RECURSIVE line(id, name, depth) AS (
  SELECT id, name, 0 FROM staff WHERE boss IS NULL
  UNION ALL SELECT s.id, s.name, depth + 1 FROM staff s JOIN line ON s.boss = line.id ORDER BY 3 DESC, 2)
SELECT printf('%.*c%s', depth * 2, ' ', name) AS tree FROM line;
SELECT name, pay, rank() OVER (ORDER BY pay DESC) AS place, sum(pay) OVER (ORDER BY id) AS running FROM staff;
SELECT count(*), avg(pay), group_concat(name, '/'), total(pay) FROM staff;
.mode list
SELECT round(sqrt(2), 10), pow(2, 0.5), sin(1), 1e400, -0.0, 9223372036854775807 + 1, 7 / 2, 7 % 3, 1.0 / 3;
SELECT upper('straße'), length('häß€'), hex('äö'), unicode('€'), char(65, 8364), substr('abcdef', -3, 2), quote(x'00ff');
SELECT date('2024-02-29', '+1 year'), strftime('%j %W %s', '2001-09-09 01:46:40'), julianday('2000-01-01');
SELECT json_extract('{"a":[1,{"b":"x"}]}', '$.a[1].b'), json_group_array(name) FROM staff;
CREATE VIRTUAL TABLE notes USING fts5(body);
INSERT INTO notes VALUES ('the quick brown fox'),('a lazy dog sleeps'),('quick dogs run');
SELECT rowid, highlight(notes, 0, '[', ']') FROM notes WHERE notes MATCH 'quick OR dog*' ORDER BY rowid;
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1);
INSERT INTO boxes VALUES (1,0,1,0,1),(2,0.5,2,0.5,2),(3,5,6,5,6);
SELECT id FROM boxes WHERE x0 < 0.9 AND x1 > 0.6 ORDER BY id;
BEGIN;
UPDATE staff SET pay = pay * 2;
SAVEPOINT half;
DELETE FROM staff WHERE id > 2;
SELECT count(*) FROM staff;
ROLLBACK TO half;
COMMIT;
SELECT sum(pay) FROM staff;
CREATE TRIGGER audit AFTER UPDATE ON staff BEGIN INSERT INTO log VALUES (old.name, old.pay, new.pay); END;
CREATE TABLE log(name, was, is_now);
UPDATE staff SET pay = 1 WHERE name LIKE '%a';
SELECT * FROM log;
EXPLAIN QUERY PLAN SELECT * FROM staff WHERE id = 3;
PRAGMA integrity_check;
.dump log
