package integration

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestPortCurl has both builds of curl talk to a server of ours, and compares what they
// print, write and exit with.
func TestPortCurl(t *testing.T) {
	t.Parallel()
	curl := furtherPort(t, "curl", "curl")
	server := httptest.NewServer(curlSite())
	t.Cleanup(server.Close)
	socket := filepath.Join(t.TempDir(), "socket")
	local, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go http.Serve(local, curlSite())
	t.Cleanup(func() { local.Close() })
	_, tcp, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}

	duration := regexp.MustCompile(`after [0-9]+ m(s|illiseconds)`)
	// $URL and $PORT are the server's.
	for _, c := range []struct {
		name, args string
		status     int
		stdin      string
	}{
		{"page with headers", "-i $URL/page", 0, ""},
		{"head", "-I $URL/big", 0, ""},
		{"404", "-i $URL/none", 0, ""},
		{"404 as an error", "-f $URL/none", 22, ""},
		{"to a file of its name", "-O $URL/big", 0, ""},
		{"name and time of the server's", "-OJR $URL/attachment", 0, ""},
		{"not followed redirect", "-i $URL/redirect/3", 0, ""},
		{"redirects", `-L -w %{num_redirects},%{url_effective},%{http_code}\n $URL/redirect/3`, 0, ""},
		{"too many redirects", "-L --max-redirs 2 $URL/redirect/3", 47, ""},
		{"range", "-r 1000-1019 $URL/big", 0, ""},
		{"ranges", "-r 0-9,-10 $URL/big", 0, ""},
		{"resume", "-C - -o part $URL/big", 0, ""},
		{"compressed", "--compressed -i $URL/gzip", 0, ""},
		{"compressed, left as it is", "-o packed $URL/gzip", 0, ""},
		{"form", "-d a=1 --data-urlencode b=x&y $URL/echo", 0, ""},
		{"data from a file", "--data-binary @file $URL/echo", 0, ""},
		{"multipart form", "-F name=value -F upload=@file;type=text/plain $URL/form", 0, ""},
		{"upload of a file", "-T file $URL/echo/", 0, ""},
		{"upload from a pipe, chunked", "-T - $URL/echo", 0, strings.Repeat("from the pipe\n", 20000)},
		{"upload after 100 Continue", "-H Expect:100-continue -T part $URL/echo", 0, ""},
		{"other method and headers", "-X DELETE -H X-One:1 -A agent -e http://referer/ $URL/echo", 0, ""},
		{"cookies", "-c jar -b mine=1 $URL/cookie $URL/echo", 0, ""},
		{"password", "-u user:secret $URL/private", 0, ""},
		{"wrong password", "-i -u user:wrong $URL/private", 0, ""},
		{"several on one connection", `-w <%{num_connects}>\n $URL/page $URL/page $URL/page`, 0, ""},
		{"by name, resolved by a thread", "http://localhost:$PORT/page", 0, ""},
		{"by another name", "--resolve example.test:$PORT:127.0.0.1 http://example.test:$PORT/echo", 0, ""},
		{"proxy", "-x $URL http://example.test/through?the=proxy", 0, ""},
		{"socket of the file system", "--unix-socket " + socket + " http://name/page", 0, ""},
		{"url with a sequence", "-o out#1 $URL/echo/[1-5]", 0, ""},
		{"many at once", "--stderr /dev/null -Z --parallel-max 8 -o par#1 $URL/together/[1-20]", 0, ""},
		{"configuration from a file", "-K config $URL/echo", 0, ""},
		{"file", "-r 2-5 file:///etc/os-release", 0, ""},
		{"nobody listens", "http://127.0.0.1:1/", 7, ""},
		{"no such protocol", "gopherr://x/", 1, ""},
		{"body cut off", "-o cut $URL/cut", 18, ""},
		{"no answer in time", "-m 0.5 $URL/hang", 28, ""},
		{"answer after a second try", "--retry 2 --retry-delay 1 -f $URL/flaky", 0, ""},
		{"version", "-V", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			call := invocation{stdin: c.stdin, files: map[string]string{
				"file": "the content\nof a file\n", "part": strings.Repeat("0123456789", 1000),
				"config": "user-agent = \"from the file\"\nheader = \"X-Configured: yes\"\n",
			}}
			for _, arg := range strings.Fields(c.args) {
				arg = strings.NewReplacer("$URL", server.URL, "$PORT", tcp).Replace(arg)
				call.args = append(call.args, arg)
			}
			call.args = append([]string{"-q", "-sS"}, call.args...)
			native := curl.runNative(t, call)
			guest := curl.runGuest(t, call)
			if native.status != c.status {
				t.Errorf("the native build exits with %d, want %d: %s", native.status, c.status, native.stderr)
			}
			if c.name == "version" { // it names the machine
				_, native.stdout, _ = strings.Cut(native.stdout, "libcurl")
				_, guest.stdout, _ = strings.Cut(guest.stdout, "libcurl")
			}
			for _, o := range []*outcome{&native, &guest} {
				o.stderr = duration.ReplaceAllString(o.stderr, "after N ms")
			}
			compare(t, native, guest)
		})
	}
}

// curlSite is what TestPortCurl asks.
func curlSite() http.Handler {
	big := strings.Repeat("0123456789", 100_000)
	then := time.Unix(1_600_000_000, 0)
	var tries atomic.Int32
	pages := http.NewServeMux()
	text := func(pattern, content string) {
		pages.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, content) })
	}
	text("/page", "a page\n")
	pages.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Range"), ",") {
			r.Header.Del("Range") // the answer would have a boundary by chance
		}
		http.ServeContent(w, r, "big.txt", then, strings.NewReader(big))
	})
	pages.HandleFunc("/attachment", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="given.txt"`)
		http.ServeContent(w, r, "given.txt", then, strings.NewReader("attached\n"))
	})
	pages.HandleFunc("/redirect/{n}", func(w http.ResponseWriter, r *http.Request) {
		n := int(r.PathValue("n")[0] - '0')
		if n == 0 {
			io.WriteString(w, "arrived\n")
			return
		}
		http.Redirect(w, r, fmt.Sprintf("/redirect/%d", n-1), http.StatusFound)
	})
	pages.HandleFunc("/gzip", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, big)
		z.Close()
	})
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %v\n", r.Method, r.URL, err)
		var headers strings.Builder
		r.Header.Write(&headers)
		fmt.Fprintf(w, "%s%v, %d bytes: %.100s\n", headers.String(), r.TransferEncoding, len(body), body)
	}
	pages.HandleFunc("/echo", echo)
	pages.HandleFunc("/echo/", echo)
	pages.HandleFunc("/through", echo)
	pages.HandleFunc("/form", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%v\n", url.Values(r.MultipartForm.Value).Encode())
		for name, files := range r.MultipartForm.File {
			for _, file := range files {
				fmt.Fprintf(w, "%s: %s %s, %d bytes\n", name, file.Filename, file.Header.Get("Content-Type"), file.Size)
			}
		}
	})
	pages.HandleFunc("/cookie", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "given", Value: "by the server", Path: "/"})
		io.WriteString(w, "have a cookie\n")
	})
	pages.HandleFunc("/private", func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "user" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		io.WriteString(w, "welcome\n")
	})
	// Each waits for another: one at a time would never end.
	meet := make(chan bool)
	pages.HandleFunc("/together/{n}", func(w http.ResponseWriter, r *http.Request) {
		select {
		case meet <- true:
		case <-meet:
		case <-r.Context().Done():
		}
		fmt.Fprintf(w, "number %s\n%s", r.PathValue("n"), big)
	})
	pages.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "only this")
	})
	pages.HandleFunc("/hang", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	pages.HandleFunc("/flaky", func(w http.ResponseWriter, r *http.Request) {
		if tries.Add(1)%2 == 1 {
			http.Error(w, "later", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "at last\n")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil // else answers differ
		pages.ServeHTTP(w, r)
	})
}
