package integration

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPortMosquitto has both builds of the broker serve both builds of the clients: filters
// and qualities of service, retained messages, wills, sessions that outlive the broker.
func TestPortMosquitto(t *testing.T) {
	t.Parallel()
	for _, s := range sides {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, s)
			b.start()
			publish := func(args ...string) {
				t.Helper()
				b.run(sides[0], "mosquitto_pub", "", args...)
			}
			publish("-t", "kept", "-r", "-m", "retained")
			for _, client := range sides {
				name := client.name
				publish("-t", "early/"+name, "-m", "before anybody listens")
				all := b.subscribe(client, name+"-all", "-t", "news/#", "-t", "kept", "-q", "2", "-v")
				some := b.subscribe(client, name+"-some", "-t", "news/+/sport", "-q", "0", "-F", "%t %q %p")
				all.expect(`^kept retained\n`)
				for qos := range 3 {
					for _, publisher := range sides {
						b.run(publisher, "mosquitto_pub", "", "-t", "news/here/sport", "-q", fmt.Sprint(qos), "-m", fmt.Sprintf("%s %d", publisher.name, qos))
						all.expect(fmt.Sprintf(`^news/here/sport %s %d\n`, publisher.name, qos))
						some.expect(fmt.Sprintf(`^news/here/sport 0 %s %d\n`, publisher.name, qos))
					}
				}
				// A line is a message.
				var lines, want strings.Builder
				for i := range 500 {
					fmt.Fprintf(&lines, "line %d\n", i)
					fmt.Fprintf(&want, "news/lines line %d\n", i)
				}
				b.run(client, "mosquitto_pub", lines.String(), "-t", "news/lines", "-q", "1", "-l")
				all.expect("^" + want.String())
				// What dies without a word has its will published.
				dying := b.subscribe(client, name+"-dying", "-t", "nothing", "--will-topic", "news/will", "--will-payload", "gone")
				pid := dying.cmd.Process.Pid
				if name == "guest" {
					pid = onlyChild(t, pid)
				}
				if err := unix.Kill(pid, unix.SIGKILL); err != nil {
					t.Fatal(err)
				}
				all.expect(`^news/will gone\n`)
				if status := all.stop(unix.SIGTERM); status != 0 {
					t.Errorf("mosquitto_sub ends with %d after SIGTERM, want 0", status)
				}
				if strings.Contains(all.said(), "before anybody") {
					t.Error("a message has come that was not subscribed")
				}
			}

			// A session lasts, with what has come for it, and so do retained messages.
			sleeper := []string{"-c", "-i", "sleeper", "-q", "1", "-t", "queue"}
			b.run(sides[0], "mosquitto_sub", "", append(sleeper, "-E")...)
			publish("-t", "queue", "-q", "1", "-m", "while you were away")
			b.stop()
			b.start()
			for _, client := range sides {
				if got := b.run(client, "mosquitto_sub", "", "-t", "kept", "-C", "1"); got != "retained\n" {
					t.Errorf("%s: %q after the broker's restart, want the retained message", client.name, got)
				}
			}
			if got := b.run(sides[1], "mosquitto_sub", "", append(sleeper, "-C", "1")...); got != "while you were away\n" {
				t.Errorf("%q after the broker's restart, want what was queued", got)
			}
			// A question and its answer.
			answering := b.subscribe(sides[1], "answering", "-t", "question", "-V", "5", "-F", "%R: %p")
			b.asks = startServer(t, b.client(sides[1], "mosquitto_rr", "-t", "question", "-e", "answer", "-m", "how much?", "-V", "5"))
			answering.expect(`^answer: how much\?\n`)
			publish("-t", "answer", "-m", "42")
			b.asks.expect(`^42\n`)
			b.stop()
		})
	}
}

// broker is a mosquitto with its directory; clients are of either build.
type broker struct {
	*server
	tb        testing.TB
	side      side
	dir, port string
	asks      *server
}

func newBroker(tb testing.TB, s side) *broker {
	b := &broker{tb: tb, side: s, dir: tb.TempDir(), port: freePort(tb)}
	config := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location %s/\nmax_queued_messages 0\n", b.port, b.dir)
	if os.Getuid() == 0 {
		config += "user root\n" // the folder is not mosquitto's
	}
	if err := os.WriteFile(filepath.Join(b.dir, "conf"), []byte(config), 0o644); err != nil {
		tb.Fatal(err)
	}
	return b
}

func (b *broker) start() {
	b.tb.Helper()
	b.server = startServer(b.tb, b.side.cmd(furtherPort(b.tb, "mosquitto", "mosquitto"), "-v", "-c", filepath.Join(b.dir, "conf")))
	b.expect(`mosquitto version .* running`)
}

func (b *broker) stop() {
	b.tb.Helper()
	if status := b.server.stop(unix.SIGTERM); status != 0 {
		b.tb.Errorf("the broker ends with %d after SIGTERM, want 0", status)
	}
}

func (b *broker) client(s side, program string, args ...string) *exec.Cmd {
	return s.cmd(furtherPort(b.tb, "mosquitto", program), append([]string{"-h", "127.0.0.1", "-p", b.port}, args...)...)
}

// subscribe starts a subscriber and waits until the broker knows it.
func (b *broker) subscribe(s side, id string, args ...string) *server {
	b.tb.Helper()
	sub := startServer(b.tb, b.client(s, "mosquitto_sub", append([]string{"-i", id}, args...)...))
	b.expect("Sending SUBACK to " + id)
	return sub
}

// run runs a client to its end.
func (b *broker) run(s side, program, stdin string, args ...string) string {
	b.tb.Helper()
	cmd := b.client(s, program, args...)
	cmd.Env = baseEnv()
	return outputOf(b.tb, cmd, stdin)
}

func outputOf(tb testing.TB, cmd *exec.Cmd, stdin string) string {
	tb.Helper()
	var out strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
	if status := runBounded(tb, cmd); status != 0 {
		tb.Fatalf("%s: status %d: %s", cmd.Args, status, out.String())
	}
	return out.String()
}

// BenchmarkPortMosquitto sends lines from one client to another.
func BenchmarkPortMosquitto(b *testing.B) {
	var brokers [2]*broker
	const lines = 20000
	for i, s := range sides {
		brokers[i] = newBroker(b, s)
		// -v would measure the log.
		config, err := os.OpenFile(filepath.Join(brokers[i].dir, "conf"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			b.Fatal(err)
		}
		io.WriteString(config, "log_type subscribe\nlog_dest stderr\n")
		config.Close()
		brokers[i].server = startServer(b, s.cmd(furtherPort(b, "mosquitto", "mosquitto"), "-c", filepath.Join(brokers[i].dir, "conf")))
		dial(b, brokers[i].port).Close()
	}
	text := strings.Repeat("a message of some length, as sensors send them\n", lines)
	alternate(b, "messages/s", func(i int) float64 {
		to := brokers[i]
		sub := startServer(b, to.client(sides[0], "mosquitto_sub", "-t", "#", "-q", "1", "-C", fmt.Sprint(lines)))
		to.expect(` 1 #\n`)
		start := time.Now()
		to.run(sides[0], "mosquitto_pub", text, "-t", "speed", "-q", "1", "-l")
		<-sub.done
		return lines / time.Since(start).Seconds()
	})
}
