package integration

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
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

// TestPortLighttpd has both builds serve files and CGI scripts by a parent and three workers
// to a native client, rotate logs, replace a worker that was killed, restart without
// breaking off a transfer, and end.
func TestPortLighttpd(t *testing.T) {
	t.Parallel()
	tools := newToolbox(t)
	answers := map[string][]string{}
	for _, s := range sides {
		t.Run(s.name, func(t *testing.T) {
			folder := map[string]string{"native": tools.native, "guest": tools.guest}[s.name]
			l := startLighttpd(t, s, folder)
			note := func(answer string) {
				answers[s.name] = append(answers[s.name], strings.ReplaceAll(answer, folder, "$PATH"))
			}
			for _, r := range []struct{ path, header, value string }{
				{"/", "", ""}, {"/big", "", ""}, {"/big", "Range", "bytes=1000-1999"}, {"/big", "Range", "bytes=9999999-"},
				{"/text.txt", "Accept-Encoding", "gzip"}, {"/none", "", ""}, {"/dir/", "", ""}, {"/dir", "", ""},
				{"/text.txt", "If-Modified-Since", "Mon, 01 Jan 2029 00:00:00 GMT"}, {"/../etc/passwd", "", ""}, {"/private~", "", ""},
				{"/env.cgi/further/path?a=b&c", "X-Own", "some value"}, {"/fail.cgi", "", ""}, {"/absent.cgi", "", ""},
			} {
				note(fetch(t, l.port, r.path, r.header, r.value))
			}
			for _, size := range []int{0, 1, 100_000, 3_000_000} {
				note(l.post(t, "/count.cgi", strings.Repeat("0123456789", size/10+1)[:size]))
			}

			var clients sync.WaitGroup
			for range 10 {
				clients.Go(func() {
					for i := range 20 {
						path, want := "/big", "3000000 bytes"
						if i%5 == 0 {
							path, want = "/env.cgi", "REQUEST_METHOD=GET"
						}
						if got := fetch(t, l.port, path, "", ""); !strings.Contains(got, "status 200") || !strings.Contains(got, want) {
							t.Errorf("under load: %s", got)
						}
					}
				})
			}
			clients.Wait()

			// A log moved aside is written until SIGHUP, then there is a new one.
			log := filepath.Join(l.dir, "access.log")
			if err := os.Rename(log, log+".1"); err != nil {
				t.Fatal(err)
			}
			l.signal(t, unix.SIGHUP)
			eventually(t, "a new log", func() bool {
				fetch(t, l.port, "/text.txt?rotated", "", "")
				text, _ := os.ReadFile(log)
				return strings.Contains(string(text), "GET /text.txt?rotated")
			})

			before := children(t, l.parent)
			if len(before) != 3 {
				t.Fatalf("workers %v, want three", before)
			}
			if err := unix.Kill(before[0], unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a worker in place of the killed one", func() bool {
				now := children(t, l.parent)
				return len(now) == 3 && !slices.Contains(now, before[0])
			})
			note(fetch(t, l.port, "/", "", ""))

			// A restart, by the parent's signal to its process group, waits for the client
			// that has not read everything yet, and brings the new configuration.
			before = children(t, l.parent)
			l.configure(t, "other")
			rest := l.begin(t, "/huge")
			l.signal(t, unix.SIGUSR1)
			eventually(t, "the workers' notice", func() bool {
				return strings.Count(l.said(), "graceful shutdown started") >= 3
			})
			if n := rest(); n != hugeFile {
				t.Errorf("over a restart: %d bytes, want %d", n, hugeFile)
			}
			eventually(t, "the other folder", func() bool {
				return strings.Contains(fetch(t, l.port, "/", "", ""), "the other index")
			})
			eventually(t, "three new workers", func() bool {
				after := children(t, l.parent)
				return len(after) == 3 && !slices.ContainsFunc(after, func(pid int) bool { return slices.Contains(before, pid) })
			})

			// The parent does not wait for its workers' last transfers, and its end is the end
			// of an instance.
			l.signal(t, unix.SIGINT)
			select {
			case <-l.done:
			case <-time.After(patience):
				t.Fatal("the server has not ended after SIGINT")
			}
			note(fmt.Sprintf("ended: %v", l.cmd.ProcessState))
		})
	}
	if len(answers["native"]) != len(answers["guest"]) {
		t.Fatalf("%d answers and %d", len(answers["native"]), len(answers["guest"]))
	}
	for i, want := range answers["native"] {
		if got := answers["guest"][i]; got != want {
			t.Errorf("answers differ: %s", difference(want, got))
		}
	}
}

// hugeFile is the size of a file that does not fit into a socket's buffers.
const hugeFile = 64 << 20

// lighttpdServer is a running lighttpd with its directory.
type lighttpdServer struct {
	*server
	dir, port string
	parent    int
}

// startLighttpd starts a server whose scripts are run by the shell in a directory.
func startLighttpd(tb testing.TB, s side, tools string) *lighttpdServer {
	tb.Helper()
	p := furtherPort(tb, "lighttpd", "lighttpd")
	l := &lighttpdServer{dir: tb.TempDir(), port: freePort(tb)}
	for name, content := range map[string]string{
		"html/index.html":  "the index\n",
		"html/big":         strings.Repeat("0123456789", 300_000),
		"html/huge":        "",
		"html/text.txt":    strings.Repeat("some text ", 1000),
		"html/dir/a file":  "x",
		"html/private~":    "secret",
		"html/env.cgi":     "#!$/sh\nprintf 'Content-Type: text/x-own\\r\\n\\r\\n'\n$/env | $/grep -E '^(GATEWAY|HTTP|PATH_INFO|QUERY|REQUEST|SCRIPT_NAME|SERVER_PROTO)' | $/sort\n",
		"html/fail.cgi":    "#!$/sh\nprintf 'Status: 418 no coffee\\r\\n\\r\\nsorry\\n'\nexit 3\n",
		"html/count.cgi":   "#!$/sh\nprintf '\\r\\n'; $/md5sum; echo $CONTENT_LENGTH\n",
		"other/index.html": "the other index\n",
		"other/huge":       "",
	} {
		path := filepath.Join(l.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(content, "$/", tools+"/")), 0o755); err != nil {
			tb.Fatal(err)
		}
		if strings.HasSuffix(name, "/huge") {
			if err := os.Truncate(path, hugeFile); err != nil {
				tb.Fatal(err)
			}
		}
		then := time.Unix(1_600_000_000, 0)
		if err := os.Chtimes(path, then, then); err != nil {
			tb.Fatal(err)
		}
	}
	l.configure(tb, "html")
	cmd := s.cmd(p, "-D", "-f", filepath.Join(l.dir, "lighttpd.conf"))
	l.server = startServer(tb, cmd)
	dial(tb, l.port).Close()
	eventually(tb, "the parent's pid", func() bool {
		text, _ := os.ReadFile(filepath.Join(l.dir, "pid"))
		l.parent, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return l.parent != 0
	})
	return l
}

// configure writes a configuration that serves a directory.
func (l *lighttpdServer) configure(tb testing.TB, folder string) {
	tb.Helper()
	text := fmt.Sprintf(`
server.modules = ( "mod_access", "mod_accesslog", "mod_cgi", "mod_deflate", "mod_dirlisting" )
server.bind = "127.0.0.1"
server.port = %s
server.max-worker = 3
server.document-root = "%s/%s"
server.pid-file = "%[2]s/pid"
accesslog.filename = "%[2]s/access.log"
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html", ".txt" => "text/plain" )
etag.use-inode = "disable"
url.access-deny = ( "~" )
cgi.assign = ( ".cgi" => "" )
deflate.mimetypes = ( "text/plain" )
deflate.allowed-encodings = ( "gzip" )
$HTTP["url"] =^ "/dir/" { dir-listing.activate = "enable" }
`, l.port, l.dir, folder)
	if err := os.WriteFile(filepath.Join(l.dir, "lighttpd.conf"), []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func (l *lighttpdServer) signal(tb testing.TB, sig unix.Signal) {
	tb.Helper()
	if err := unix.Kill(l.parent, sig); err != nil {
		tb.Fatal(err)
	}
}

func (l *lighttpdServer) post(tb testing.TB, path, body string) string {
	tb.Helper()
	request, err := http.NewRequest("POST", "http://127.0.0.1:"+l.port+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	return ask(tb, l.port, request)
}

// begin asks for a file and reads the answer's headers; what it returns reads the file and
// tells its size.
func (l *lighttpdServer) begin(tb testing.TB, path string) (rest func() int64) {
	tb.Helper()
	conn := dial(tb, l.port)
	fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", path)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return func() int64 {
		n, err := io.Copy(io.Discard, response.Body)
		if err != nil {
			tb.Errorf("GET %s: %v", path, err)
		}
		conn.Close()
		return n
	}
}
