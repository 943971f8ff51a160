package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRedis has both builds of redis do what an operator has a server do, with an io
// thread beside the three background threads: serve load while a child saves, rewrite the
// append-only file, free in the background, end by SIGTERM. The files must be good for the
// native server, with the same content.
func TestRedis(t *testing.T) {
	t.Parallel()
	bench := port(t, "redis", "redis-benchmark").native
	for _, s := range sides {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			redis, client := startRedis(t, s, dir, "--io-threads", "2", "--io-threads-do-reads", "yes", "--appendonly", "yes")
			client.call(t, "MULTI")
			for i := range 3000 {
				client.call(t, "SET", fmt.Sprint("number:", i), fmt.Sprint((i-1500)*5_000_000_000))
				client.call(t, "RPUSH", "list", fmt.Sprint("element ", i))
			}
			if n := strings.Count(client.call(t, "EXEC"), "\n"); n != 6000 {
				t.Errorf("the transaction gave %d lines, want 6000", n)
			}

			load := make(chan string)
			go func() {
				out, err := exec.Command(bench, "-p", client.port, "-c", "50", "-n", "2000", "-q", "-t", "set,get,lpush").CombinedOutput()
				if err != nil {
					out = fmt.Appendf(out, "%v", err)
				}
				load <- string(out)
			}()
			for range 3 {
				client.expect(t, "+Background saving started", "BGSAVE")
				redis.expect(`Background saving terminated with success`)
				client.expect(t, "+Background append only file rewriting started", "BGREWRITEAOF")
				redis.expect(`Background AOF rewrite finished successfully`)
			}
			if out := <-load; strings.Count(out, "requests per second") != 3 || strings.Contains(out, "rror") {
				t.Errorf("redis-benchmark said %q", out)
			}
			client.expect(t, ":3000", "LLEN", "list")
			client.expect(t, "-7500000000000", "GET", "number:0")
			client.expect(t, ":-7499999999999", "INCR", "number:0")
			client.expect(t, ":1", "UNLINK", "mylist") // by a background thread: it is long
			client.expect(t, ":7", "EVAL", "return redis.call('STRLEN', KEYS[1]) - 7", "1", "number:0")

			digest := client.call(t, "DEBUG", "DIGEST")
			if status := redis.stop(unix.SIGTERM); status != 0 {
				t.Errorf("status %d after SIGTERM, want 0", status)
			}
			redis.expect(`Redis is now ready to exit`)

			native, reader := startRedis(t, sides[0], dir, "--appendonly", "yes")
			if got := reader.call(t, "DEBUG", "DIGEST"); got != digest {
				t.Errorf("the native server reads %s from the files of one that had %s", got, digest)
			}
			native.stop(unix.SIGTERM)
			saved, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
			if err != nil || !strings.HasPrefix(string(saved), "REDIS0010") {
				t.Errorf("dump.rdb begins with %.9q: %v", saved, err)
			}
		})
	}
}

// startRedis starts a redis server and connects to it.
func startRedis(tb testing.TB, s side, dir string, args ...string) (*server, *redisClient) {
	tb.Helper()
	tcp := freePort(tb)
	args = append([]string{"--port", tcp, "--dir", dir, "--enable-debug-command", "yes"}, args...)
	redis := startServer(tb, s.cmd(port(tb, "redis", "redis-server"), args...))
	redis.expect(`Ready to accept connections`)
	return redis, newRedisClient(dial(tb, tcp), tcp)
}

func newRedisClient(conn net.Conn, port string) *redisClient {
	return &redisClient{conn: conn, replies: bufio.NewReader(conn), port: port}
}

// redisClient speaks redis's protocol.
type redisClient struct {
	conn    net.Conn
	replies *bufio.Reader
	port    string
}

// call sends a command and returns its reply: a string's content, or what came, with an
// array's elements on lines of their own.
func (c *redisClient) call(tb testing.TB, args ...string) string {
	tb.Helper()
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(c.conn, request.String()); err != nil {
		tb.Fatal(err)
	}
	return c.reply(tb)
}

func (c *redisClient) reply(tb testing.TB) string {
	tb.Helper()
	line, err := c.replies.ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	line = strings.TrimSuffix(line, "\r\n")
	switch line[0] {
	case '$':
		n, _ := strconv.Atoi(line[1:])
		if n < 0 {
			return line
		}
		text := make([]byte, n+2)
		if _, err := io.ReadFull(c.replies, text); err != nil {
			tb.Fatal(err)
		}
		return string(text[:n])
	case '*':
		n, _ := strconv.Atoi(line[1:])
		for range n {
			line += "\n" + c.reply(tb)
		}
	}
	return line
}

// expect calls and compares the reply.
func (c *redisClient) expect(tb testing.TB, want string, args ...string) {
	tb.Helper()
	if got := c.call(tb, args...); got != want {
		tb.Errorf("%s: %q, want %q", args, got, want)
	}
}

// BenchmarkRedis lets redis-benchmark's 50 connections load both builds.
func BenchmarkRedis(b *testing.B) {
	bench := port(b, "redis", "redis-benchmark").native
	for _, mode := range []struct {
		name string
		args []string
	}{
		{"get", []string{"-t", "get"}},
		{"set", []string{"-t", "set"}},
		{"lrange100", []string{"-t", "lrange_100"}},
		{"pipelined-get", []string{"-t", "get", "-P", "16"}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			var ports [2]string
			for i, s := range sides {
				_, client := startRedis(b, s, b.TempDir(), "--save", "")
				ports[i] = client.port
			}
			alternate(b, "requests/s", func(i int) float64 {
				return requestsPerSecond(b, output(b, nil, append([]string{bench, "-p", ports[i], "-c", "50", "-n", "20000", "--csv"}, mode.args...)...))
			})
		})
	}
}

var csvRate = regexp.MustCompile(`"([0-9.]+)"`)

// requestsPerSecond reads the last line of redis-benchmark's table.
func requestsPerSecond(b *testing.B, table string) float64 {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	match := csvRate.FindStringSubmatch(lines[len(lines)-1])
	if match == nil {
		b.Fatalf("no rate in %q", table)
	}
	rate, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return rate
}
