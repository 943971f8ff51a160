package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLayerChaos shows each effect of chaos.wasm and each way to say when.
func TestLayerChaos(t *testing.T) {
	t.Parallel()
	layer, bash := supplied(t, "chaos.wasm"), port(t, "bash", "bash")
	const opens = `for i in 1 2 3 4; do echo $i 2>/dev/null >file || printf 'no '; done; echo end`
	for _, c := range []struct {
		name, rules, script string
		status              int
		stdout, stderr      string
	}{
		{"always", "openat,open=EMFILE", opens, 0, "no no no no end\n", "No file descriptors available"},
		{"never", "openat,open=EMFILE@0%", opens, 0, "end\n", ""},
		{"the second call", "mkdir=EIO write,writev=EIO@#2", "printf a; printf b 2>/dev/null; printf c", 0, "ac", ""},
		{"short", "write,writev=short", "echo hello; printf '%01000d' 7", 0, "hello\n" + strings.Repeat("0", 999) + "7", ""},
		{"slow", "getpid,write,writev=1ms", "echo hello", 0, "hello\n", ""},
		{"no such call", "seed=3 bogus=EIO", "", 125, "", "chaos.wasm: bogus=EIO: no system call: bogus"},
		{"no such effect", "read=EBOGUS", "", 125, "", "no errno value"},
		{"no chance", "read=EIO@200%", "", 125, "", "no chance in %"},
		{"no rule", "read", "", 125, "", "not of the form"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := bash.runGuest(t, invocation{args: []string{"-c", c.script}, flags: []string{"--layer", layer + " " + c.rules}})
			if got.status != c.status || got.stdout != c.stdout {
				t.Errorf("status %d, standard output %q, want %d and %q", got.status, got.stdout, c.status, c.stdout)
			}
			if !strings.Contains(got.stderr, c.stderr) || (c.stderr == "" && strings.Contains(got.stderr, "chaos.wasm")) {
				t.Errorf("standard error %q, want %q", got.stderr, c.stderr)
			}
		})
	}
	t.Run("a seed repeats itself", func(t *testing.T) {
		t.Parallel()
		results := map[string]int{}
		for seed := range 4 {
			var first string
			for range 2 {
				got := bash.runGuest(t, invocation{args: []string{"-c", strings.Repeat(opens+";", 5)},
					flags: []string{"--layer", fmt.Sprintf("%s seed=%d openat,open=EMFILE@40%%", layer, seed)}})
				if first != "" && got.stdout != first {
					t.Errorf("seed %d: %q, then %q", seed, first, got.stdout)
				}
				first = got.stdout
				results[first]++
			}
		}
		if len(results) < 3 {
			t.Errorf("four seeds have %d results", len(results))
		}
	})
}

// chaosSeeds calls try with seeds, for as long as WALISUP_CHAOS says (a duration of package
// time), or a few times.
func chaosSeeds(t *testing.T, try func(seed int)) {
	t.Helper()
	const few = 4
	duration := time.Duration(0)
	if value := os.Getenv("WALISUP_CHAOS"); value != "" {
		var err error
		if duration, err = time.ParseDuration(value); err != nil {
			t.Fatalf("WALISUP_CHAOS: %v", err)
		}
	}
	seed := 0
	for begin := time.Now(); (seed < few || time.Since(begin) < duration) && !t.Failed(); seed++ {
		try(seed)
	}
	t.Logf("%d seeds", seed)
}

// chaosRules are what disks, limits and signals do to programs.
var chaosRules = []string{
	"write,pwrite64,ftruncate,fallocate,fsync,fdatasync,open,openat,mkdir=ENOSPC@4%",
	"read,write,pread64,pwrite64,open,openat,fsync,wait4,fcntl=EINTR@4%",
	"open,openat,pipe,pipe2,socket,accept4,accept,dup,fcntl=EMFILE@5%",
	"mmap,mremap=ENOMEM@5%",
	"read,write,pread64,pwrite64,readv,writev=short@20%",
}

// crashes are the statuses of programs that do not end by themselves.
var crashes = []int{128 + int(unix.SIGILL), 128 + int(unix.SIGTRAP), 128 + int(unix.SIGABRT), 128 + int(unix.SIGBUS),
	128 + int(unix.SIGFPE), 128 + int(unix.SIGSEGV), 128 + int(unix.SIGKILL)}

// TestChaosSQLite has sqlite insert rows while calls fail. What it has said to be there is
// there, and the database is whole.
func TestChaosSQLite(t *testing.T) {
	t.Parallel()
	layer, sqlite := supplied(t, "chaos.wasm"), port(t, "sqlite3", "sqlite3")
	dir := t.TempDir()
	kept, failed := 0, 0
	chaosSeeds(t, func(seed int) {
		base := filepath.Join(dir, fmt.Sprint(seed, ".db"))
		setup := sqlite.runGuest(t, invocation{args: []string{base, "CREATE TABLE t(n INTEGER PRIMARY KEY, x); CREATE INDEX i ON t(x)"}})
		if setup.status != 0 {
			t.Fatalf("status %d, standard error %q", setup.status, setup.stderr)
		}
		said := map[string]bool{}
		for n, rules := range chaosRules {
			insert := fmt.Sprintf("INSERT INTO t VALUES(%d, randomblob(9000)); DELETE FROM t WHERE n = %d - 100; SELECT 'kept';", n, n)
			got := sqlite.runGuest(t, invocation{args: []string{"-bail", base, insert},
				flags: []string{"--layer", fmt.Sprintf("%s seed=%d %s", layer, seed, rules)}})
			switch {
			case slices.Contains(crashes, got.status):
				t.Errorf("seed %d, %s: status %d, standard error %q", seed, rules, got.status, got.stderr)
			case got.stdout == "kept\n":
				said[fmt.Sprint(n)] = true
				kept++
			default:
				failed++
			}
		}
		got := sqlite.runGuest(t, invocation{args: []string{base, "PRAGMA integrity_check; SELECT n FROM t"}})
		lines := strings.Fields(got.stdout)
		if got.status != 0 || len(lines) == 0 || lines[0] != "ok" {
			t.Errorf("seed %d: the database is %q, status %d, standard error %q", seed, got.stdout, got.status, got.stderr)
			return
		}
		for _, n := range lines[1:] {
			delete(said, n)
		}
		if len(said) > 0 {
			t.Errorf("seed %d: rows are lost: %v", seed, said)
		}
		os.Remove(base)
	})
	if kept == 0 || failed == 0 {
		t.Errorf("%d insertions have worked and %d have not: nothing is shown", kept, failed)
	}
}

// TestChaosBash has bash run a script with pipes, files and children while calls fail. It
// ends, does not crash, and what it reads is what it has written or less.
func TestChaosBash(t *testing.T) {
	t.Parallel()
	layer, bash := supplied(t, "chaos.wasm"), port(t, "bash", "bash")
	const script = `for i in 1 2 3 4 5; do
	printf 'line %d\n' $i >>file
	x=$(printf '%s' "$i")
	(exit $i) | { read -r y; :; }
	while read -r word number; do [ "$word" = line ] || echo "bad $word"; done <file
	cmp=$(<file)
done
trap 'echo trapped' USR1; kill -USR1 $$
echo end`
	chaosSeeds(t, func(seed int) {
		for _, rules := range chaosRules {
			got := bash.runGuest(t, invocation{args: []string{"-c", script},
				flags: []string{"--layer", fmt.Sprintf("%s seed=%d %s", layer, seed, rules)}})
			if slices.Contains(crashes, got.status) {
				t.Errorf("seed %d, %s: status %d, standard error %q", seed, rules, got.status, got.stderr)
			}
		}
	})
}

// TestChaosRedis has a redis server serve while its calls are short, interrupted and refused.
// It gives back what it was given, and has it again after a restart.
func TestChaosRedis(t *testing.T) {
	t.Parallel()
	layer := supplied(t, "chaos.wasm")
	program := port(t, "redis", "redis-server")
	chaosSeeds(t, func(seed int) {
		dir := t.TempDir()
		tcp := freePort(t)
		args := []string{"--port", tcp, "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always"}
		rules := fmt.Sprintf("%s seed=%d read,write,writev=short@30%% epoll_wait,epoll_pwait=EINTR@3%% accept4,accept=EMFILE@20%%", layer, seed)
		start := append([]string{"start", "--layer", rules, "--", program.module}, args...)
		redis := startServer(t, exec.Command(walisupPath(), start...))
		redis.expect(`Ready to accept connections`)
		client := func() *redisClient {
			conn := dial(t, tcp)
			return newRedisClient(conn, tcp)
		}
		c := client()
		for i := range 30 {
			c.expect(t, "+OK", "SET", fmt.Sprint("key", i), strings.Repeat(fmt.Sprint(i, "-"), 200*i))
		}
		for i := range 30 {
			c.expect(t, strings.Repeat(fmt.Sprint(i, "-"), 200*i), "GET", fmt.Sprint("key", i))
		}
		c.conn.Close()
		redis.stop(unix.SIGTERM)

		redis = startServer(t, exec.Command(walisupPath(), append([]string{"start", "--", program.module}, args...)...))
		redis.expect(`Ready to accept connections`)
		c = client()
		for i := range 30 {
			c.expect(t, strings.Repeat(fmt.Sprint(i, "-"), 200*i), "GET", fmt.Sprint("key", i))
		}
		c.conn.Close()
		redis.stop(unix.SIGTERM)
	})
}
