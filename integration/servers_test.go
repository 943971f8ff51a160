package integration

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// side is one of the two builds of a program.
type side struct {
	name string
	cmd  func(p pair, args ...string) *exec.Cmd
}

// sides are the native build and the module under walisup.
var sides = []side{
	{"native", func(p pair, args ...string) *exec.Cmd { return exec.Command(p.native, args...) }},
	{"guest", func(p pair, args ...string) *exec.Cmd {
		return exec.Command(walisupPath(), append([]string{"start", "--", p.module}, args...)...)
	}},
}

// server is a program that runs until it is told to end, and what it says.
type server struct {
	tb   testing.TB
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and all it said is here

	mutex  sync.Mutex
	more   *sync.Cond
	output bytes.Buffer
	ended  bool
	seen   int // how much of output expect has used up
}

// startServer runs cmd in a process group of its own, in its cmd.Dir or an empty directory.
func startServer(tb testing.TB, cmd *exec.Cmd) *server {
	tb.Helper()
	if cmd.Dir == "" {
		cmd.Dir = tb.TempDir()
	}
	cmd.Env = append(baseEnv(), cmd.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	read, write, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	err = cmd.Start()
	write.Close()
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{tb: tb, cmd: cmd, done: make(chan struct{})}
	s.more = sync.NewCond(&s.mutex)
	go s.collect(read)
	tb.Cleanup(func() {
		// What does not end by itself must not outlive the test.
		cmd.Process.Signal(unix.SIGTERM)
		select {
		case <-s.done:
		case <-time.After(10 * time.Second):
			unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
			<-s.done
		}
		if tb.Failed() {
			tb.Logf("%s said:\n%s", cmd.Args, s.said())
		}
	})
	return s
}

func (s *server) collect(output *os.File) {
	defer output.Close()
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadBytes('\n')
		s.mutex.Lock()
		s.output.Write(line)
		s.more.Broadcast()
		s.mutex.Unlock()
		if err != nil {
			break
		}
	}
	s.cmd.Wait()
	s.mutex.Lock()
	s.ended = true
	s.more.Broadcast()
	s.mutex.Unlock()
	close(s.done)
}

func (s *server) said() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.output.String()
}

// expect waits until what the server says after the last match matches the pattern.
func (s *server) expect(pattern string) {
	s.tb.Helper()
	re := regexp.MustCompile(pattern)
	late := time.AfterFunc(patience, func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.ended = true
		s.more.Broadcast()
	})
	defer late.Stop()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		if at := re.FindIndex(s.output.Bytes()[s.seen:]); at != nil {
			s.seen += at[1]
			return
		}
		if s.ended {
			s.tb.Fatalf("the server has not said %q", pattern)
		}
		s.more.Wait()
	}
}

// stop sends a signal and returns the status with which the server ends.
func (s *server) stop(sig unix.Signal) int {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatal(err)
	}
	select {
	case <-s.done:
	case <-time.After(patience):
		s.tb.Fatalf("the server has not ended %v after %v", patience, sig)
	}
	return shellStatus(s.cmd.ProcessState.Sys().(syscall.WaitStatus))
}

// freePort returns a TCP port of the loopback interface that nobody listens at.
func freePort(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// dial connects to a server that says nothing when it is ready: it tries again while the
// connection is refused.
func dial(tb testing.TB, port string) net.Conn {
	tb.Helper()
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			tb.Cleanup(func() { conn.Close() })
			conn.SetDeadline(time.Now().Add(patience))
			return conn
		}
		if time.Now().After(deadline) {
			tb.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// fetchTransport asks for nothing that the test did not ask for.
var fetchTransport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 20}

// fetch returns a web server's answer as text, without what differs between two runs.
func fetch(tb testing.TB, port, path, header, value string) string {
	tb.Helper()
	request, err := http.NewRequest("GET", "http://127.0.0.1:"+port+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if header != "" {
		request.Header.Set(header, value)
	}
	return ask(tb, port, request)
}

// ask is fetch for a request of any kind.
func ask(tb testing.TB, port string, request *http.Request) string {
	tb.Helper()
	what := request.Method + " " + request.URL.Path
	response, err := fetchTransport.RoundTrip(request)
	if err != nil {
		tb.Errorf("%s: %v", what, err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Errorf("%s: %v", what, err)
	}
	length := len(body)
	if response.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(unpacked)
		}
		if err != nil {
			tb.Errorf("%s: %v", what, err)
		}
	}
	response.Header.Del("Date")
	var headers bytes.Buffer
	response.Header.Write(&headers)
	text := fmt.Sprintf("%s status %d, %d bytes\n%s%.500s", what, response.StatusCode, length, headers.String(), body)
	return strings.ReplaceAll(text, port, "PORT")
}

// eventually waits until a condition holds that nothing announces.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain for %s", what)
		}
	}
}

// output runs a native client to its end.
func output(tb testing.TB, stdin io.Reader, argv ...string) string {
	tb.Helper()
	var out bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &out
	if status := runBounded(tb, cmd); status != 0 {
		tb.Fatalf("%s: status %d: %s", argv, status, out.String())
	}
	return out.String()
}

// alternate lets both sides show their speed in turn, several times, so that what else the
// machine does hurts both, and reports the best of each.
func alternate(b *testing.B, unit string, measure func(i int) float64) {
	b.Helper()
	const rounds = 4
	var best [2]float64
	for range rounds {
		for i := range sides {
			best[i] = max(best[i], measure(i))
		}
	}
	for i, name := range []string{"native", "walisup"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() { // the framework wants one
			}
			b.ReportMetric(0, "ns/op") // that would be nothing's
			b.ReportMetric(best[i], unit)
		})
	}
}
