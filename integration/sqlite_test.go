package integration

import (
	"regexp"
	"strings"
	"testing"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	sqlite := port(t, "sqlite3", "sqlite3")
	cases := []struct {
		name   string
		call   invocation
		status int
	}{
		{"queries in memory", invocation{args: []string{"-batch"}, stdin: testdata(t, "sqlite/queries.sql")}, 0},
		{"queries in a file", invocation{args: []string{"-batch", "new.db"}, stdin: testdata(t, "sqlite/queries.sql")}, 0},
		{"bulk in a file", invocation{args: []string{"-batch", "new.db"}, stdin: testdata(t, "sqlite/bulk.sql")}, 0},
		{"write-ahead log", invocation{args: []string{"-batch", "new.db"},
			stdin: "PRAGMA journal_mode=wal;\n" + testdata(t, "sqlite/bulk.sql") + "PRAGMA wal_checkpoint(TRUNCATE);\n"}, 0},
		{"memory-mapped file", invocation{args: []string{"-batch", "new.db"},
			stdin: "PRAGMA mmap_size=100000000;\n" + testdata(t, "sqlite/bulk.sql")}, 0},
		{"errors", invocation{args: []string{"-batch"}, stdin: testdata(t, "sqlite/errors.sql")}, 1},
		{"errors with bail", invocation{args: []string{"-batch", "-bail"}, stdin: testdata(t, "sqlite/errors.sql")}, 1},
		{"query as an argument", invocation{args: []string{":memory:", "SELECT sqlite_version(), 6 * 7"}}, 0},
		{"import and export", invocation{args: []string{"-csv", "new.db", ".import given.csv t", "SELECT * FROM t ORDER BY b DESC", ".once out.csv", "SELECT count(*) FROM t"},
			files: map[string]string{"given.csv": "a,b\n1,x\n2,\"y, z\"\n3,\n"}}, 0},
		{"not a database", invocation{args: []string{"-batch", "file.db", "SELECT * FROM t"},
			files: map[string]string{"file.db": strings.Repeat("no database ", 100)}}, 26},
		{"missing folder", invocation{args: []string{"-batch", "gone/new.db", "CREATE TABLE t(a)"}}, 1},
		{"script file", invocation{args: []string{"-batch", "-init", "given.sql", ":memory:", "SELECT a FROM t"},
			files: map[string]string{"given.sql": "CREATE TABLE t(a); INSERT INTO t VALUES ('from the script');"}}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			native := sqlite.runNative(t, c.call)
			if native.status != c.status {
				t.Fatalf("the native program's status is %d, want %d: %s", native.status, c.status, native.stderr)
			}
			compare(t, native, sqlite.runGuest(t, c.call))
		})
	}
}

// TestSQLiteSharesDatabases has native and guest processes use one file in
// turn, which needs the same format and the same locks.
func TestSQLiteSharesDatabases(t *testing.T) {
	t.Parallel()
	sqlite := port(t, "sqlite3", "sqlite3")
	made := sqlite.runNative(t, invocation{args: []string{"-batch", "shared.db"}, stdin: testdata(t, "sqlite/bulk.sql")})
	_, database, _ := strings.Cut(made.files["shared.db"], " ")
	read := sqlite.runGuest(t, invocation{args: []string{"shared.db", "SELECT count(*), sum(a) FROM t; PRAGMA integrity_check"},
		files: map[string]string{"shared.db": database}})
	want := sqlite.runNative(t, invocation{args: []string{"shared.db", "SELECT count(*), sum(a) FROM t; PRAGMA integrity_check"},
		files: map[string]string{"shared.db": database}})
	compare(t, want, read)
}

func TestSQLiteSpeedTestVerifies(t *testing.T) {
	t.Parallel()
	speedtest := port(t, "sqlite3", "speedtest1")
	call := invocation{args: []string{"--size", "5", "--verify", "test.db"}}
	native, guest := speedtest.runNative(t, call), speedtest.runGuest(t, call)
	// What it does is checked by the hash it prints; times differ.
	native.stdout, guest.stdout = withoutTimes(native.stdout), withoutTimes(guest.stdout)
	compare(t, native, guest)
}

var (
	times     = regexp.MustCompile(`[ .]*\d+\.\d+s`)
	addresses = regexp.MustCompile(`0x[0-9a-f]+`)
)

func withoutTimes(text string) string     { return times.ReplaceAllString(text, " TIME") }
func withoutAddresses(text string) string { return addresses.ReplaceAllString(text, "ADDRESS") }
