package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPortNginx has both builds serve files by a master and three workers to a native
// client, rotate logs, reload, replace a worker that was killed, and end gracefully.
func TestPortNginx(t *testing.T) {
	t.Parallel()
	answers := map[string][]string{}
	for _, s := range sides {
		t.Run(s.name, func(t *testing.T) {
			nginx := startNginx(t, s)
			for _, r := range []struct{ path, header, value string }{
				{"/", "", ""}, {"/big", "", ""}, {"/big", "Range", "bytes=1000-1999"}, {"/big", "Range", "bytes=9999999-"},
				{"/text", "Accept-Encoding", "gzip"}, {"/none", "", ""}, {"/dir/", "", ""}, {"/dir", "", ""},
				{"/text", "If-Modified-Since", "Mon, 01 Jan 2029 00:00:00 GMT"}, {"/../etc/passwd", "", ""}, {"/private", "", ""},
			} {
				answers[s.name] = append(answers[s.name], nginx.get(t, r.path, r.header, r.value))
			}

			var clients sync.WaitGroup
			for range 20 {
				clients.Go(func() {
					for range 20 {
						if got := nginx.get(t, "/big", "", ""); !strings.Contains(got, "status 200") || !strings.Contains(got, "3000000 bytes") {
							t.Errorf("under load: %s", got)
						}
					}
				})
			}
			clients.Wait()

			// A log moved aside is written until SIGUSR1, then there is a new one.
			log := filepath.Join(nginx.dir, "access.log")
			if err := os.Rename(log, log+".1"); err != nil {
				t.Fatal(err)
			}
			nginx.signal(t, unix.SIGUSR1)
			eventually(t, "a new log", func() bool {
				nginx.get(t, "/text?rotated", "", "")
				text, _ := os.ReadFile(log)
				return strings.Contains(string(text), "GET /text?rotated")
			})

			// A reload brings new workers with the new configuration.
			before := nginx.workers(t)
			nginx.configure(t, "other")
			nginx.signal(t, unix.SIGHUP)
			eventually(t, "the other folder", func() bool {
				return strings.Contains(nginx.get(t, "/", "", ""), "the other index")
			})
			var after []int
			eventually(t, "three new workers", func() bool {
				after = nginx.workers(t)
				return len(after) == 3 && !slices.ContainsFunc(after, func(pid int) bool { return slices.Contains(before, pid) })
			})
			if err := unix.Kill(after[0], unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a worker in place of the killed one", func() bool {
				now := nginx.workers(t)
				return len(now) == 3 && !slices.Contains(now, after[0])
			})
			if got := nginx.get(t, "/", "", ""); !strings.Contains(got, "the other index") {
				t.Errorf("after a worker was killed: %s", got)
			}
			if status := nginx.stop(unix.SIGQUIT); status != 0 {
				t.Errorf("status %d after SIGQUIT, want 0", status)
			}
		})
	}
	for i, want := range answers["native"] {
		if got := answers["guest"]; i < len(got) && got[i] != want {
			t.Errorf("answers differ: %s", difference(want, got[i]))
		}
	}
}

// nginxServer is a running nginx with its directory.
type nginxServer struct {
	*server
	dir, port string
	master    int
}

func startNginx(tb testing.TB, s side) *nginxServer {
	tb.Helper()
	p := furtherPort(tb, "nginx", "nginx")
	nginx := &nginxServer{dir: tb.TempDir(), port: freePort(tb)}
	write := func(name, content string, mode os.FileMode) {
		path := filepath.Join(nginx.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			tb.Fatal(err)
		}
		then := time.Unix(1_600_000_000, 0)
		if err := os.Chtimes(path, then, then); err != nil {
			tb.Fatal(err)
		}
	}
	write("html/index.html", "the index\n", 0o644)
	write("html/big", strings.Repeat("0123456789", 300_000), 0o644)
	write("html/text", strings.Repeat("some text ", 1000), 0o644)
	write("html/dir/a file", "x", 0o644)
	write("html/private", "secret", 0o644)
	write("other/index.html", "the other index\n", 0o644)
	nginx.configure(tb, "html")
	nginx.server = startServer(tb, s.cmd(p, "-p", nginx.dir, "-c", "nginx.conf", "-e", "stderr"))
	dial(tb, nginx.port).Close()
	eventually(tb, "the master's pid", func() bool {
		text, _ := os.ReadFile(filepath.Join(nginx.dir, "pid"))
		nginx.master, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return nginx.master != 0
	})
	return nginx
}

// configure writes a configuration that serves a directory.
func (n *nginxServer) configure(tb testing.TB, folder string) {
	tb.Helper()
	user := ""
	if os.Getuid() == 0 {
		user = "user root root;" // the folder is not nobody's
	}
	text := fmt.Sprintf(`%s daemon off; worker_processes 3; pid pid; error_log stderr notice;
events { worker_connections 200; }
http {
	access_log access.log; gzip on; gzip_types text/plain; gzip_min_length 100; default_type text/plain;
	sendfile on; tcp_nopush on; limit_conn_zone $binary_remote_addr zone=shared:1m;
	client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
	server {
		listen 127.0.0.1:%s; root %s; index index.html;
		location /dir/ { autoindex on; limit_conn shared 50; }
		location /private { deny all; }
	}
}`, user, n.port, folder)
	if err := os.WriteFile(filepath.Join(n.dir, "nginx.conf"), []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func (n *nginxServer) signal(tb testing.TB, sig unix.Signal) {
	tb.Helper()
	if err := unix.Kill(n.master, sig); err != nil {
		tb.Fatal(err)
	}
}

// workers returns the master's children.
func (n *nginxServer) workers(tb testing.TB) []int {
	tb.Helper()
	return children(tb, n.master)
}

func (n *nginxServer) get(tb testing.TB, path, header, value string) string {
	tb.Helper()
	return fetch(tb, n.port, path, header, value)
}

// BenchmarkPortNginx has 20 connections ask for a small file.
func BenchmarkPortNginx(b *testing.B) {
	var servers [2]*nginxServer
	for i, s := range sides {
		servers[i] = startNginx(b, s)
	}
	alternate(b, "requests/s", func(i int) float64 {
		const clients, each = 20, 200
		start := time.Now()
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for range each {
					servers[i].get(b, "/text", "", "")
				}
			})
		}
		all.Wait()
		return clients * each / time.Since(start).Seconds()
	})
}
