package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPortMemcached loads both builds of memcached, with four worker threads, from 50
// connections at once, each of which checks all its answers.
func TestPortMemcached(t *testing.T) {
	t.Parallel()
	for _, s := range sides {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			memcached, tcp := startMemcached(t, s)
			var clients sync.WaitGroup
			for i := range 50 {
				conn := dial(t, tcp)
				clients.Go(func() {
					c := newMemcachedClient(t, conn)
					c.expect(fmt.Sprintf("set counter%d 0 0 1\r\n0\r\n", i), "STORED\r\n")
					for n := range 50 {
						value := strings.Repeat(fmt.Sprintf("%d-%d ", i, n), 100)
						c.expect(fmt.Sprintf("set key%d 7 0 %d\r\n%s\r\n", i, len(value), value), "STORED\r\n")
						c.expect(fmt.Sprintf("get key%d\r\n", i), fmt.Sprintf("VALUE key%d 7 %d\r\n%s\r\nEND\r\n", i, len(value), value))
						c.expect(fmt.Sprintf("incr counter%d 3\r\n", i), fmt.Sprintf("%d\r\n", 3*n+3))
						c.expect(fmt.Sprintf("incr shared%d 1\r\n", n), "NOT_FOUND\r\n")
					}
					c.expect(fmt.Sprintf("delete key%d\r\nget key%d\r\n", i, i), "DELETED\r\nEND\r\n")
				})
			}
			clients.Wait()
			stats := newMemcachedClient(t, dial(t, tcp)).stats()
			for name, want := range map[string]string{"threads": "4", "cmd_set": "2550", "get_hits": "2500", "get_misses": "50", "incr_hits": "2500", "incr_misses": "2500", "curr_items": "50"} {
				if stats[name] != want {
					t.Errorf("%s is %s, want %s", name, stats[name], want)
				}
			}
			if status := memcached.stop(unix.SIGTERM); status != 0 {
				t.Errorf("status %d after SIGTERM, want 0", status)
			}
		})
	}
}

func startMemcached(tb testing.TB, s side) (*server, string) {
	tb.Helper()
	tcp := freePort(tb)
	args := []string{"-t", "4", "-l", "127.0.0.1", "-p", tcp, "-U", "0"}
	if os.Getuid() == 0 {
		args = append(args, "-u", "root")
	}
	return startServer(tb, s.cmd(furtherPort(tb, "memcached", "memcached"), args...)), tcp
}

type memcachedClient struct {
	tb      testing.TB
	conn    net.Conn
	replies *bufio.Reader
}

func newMemcachedClient(tb testing.TB, conn net.Conn) *memcachedClient {
	return &memcachedClient{tb, conn, bufio.NewReader(conn)}
}

// expect sends text and compares the answer.
func (c *memcachedClient) expect(send, want string) {
	got := make([]byte, len(want))
	_, err := io.WriteString(c.conn, send)
	if err == nil {
		_, err = io.ReadFull(c.replies, got)
	}
	if err != nil || string(got) != want {
		c.tb.Errorf("%.40q: %.100q, want %.100q: %v", send, got, want, err)
	}
}

func (c *memcachedClient) stats() map[string]string {
	c.tb.Helper()
	if _, err := io.WriteString(c.conn, "stats\r\n"); err != nil {
		c.tb.Fatal(err)
	}
	stats := map[string]string{}
	for {
		line, err := c.replies.ReadString('\n')
		if err != nil {
			c.tb.Fatal(err)
		}
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return stats
		}
		stats[fields[1]] = fields[2]
	}
}

// BenchmarkPortMemcached has 50 connections set and get.
func BenchmarkPortMemcached(b *testing.B) {
	var clients [2][]*memcachedClient
	for i, s := range sides {
		_, tcp := startMemcached(b, s)
		for range 50 {
			clients[i] = append(clients[i], newMemcachedClient(b, dial(b, tcp)))
		}
	}
	value := strings.Repeat("v", 100)
	alternate(b, "requests/s", func(i int) float64 {
		const each = 200
		start := time.Now()
		var all sync.WaitGroup
		for k, c := range clients[i] {
			c.conn.SetDeadline(start.Add(patience))
			all.Go(func() {
				for range each {
					c.expect(fmt.Sprintf("set k%d 0 0 100\r\n%s\r\n", k, value), "STORED\r\n")
					c.expect(fmt.Sprintf("get k%d\r\n", k), fmt.Sprintf("VALUE k%d 0 100\r\n%s\r\nEND\r\n", k, value))
				}
			})
		}
		all.Wait()
		return 2 * each * float64(len(clients[i])) / time.Since(start).Seconds()
	})
}
