package integration

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPortPythonPrompt types at Python's prompt, whose line editor is readline: lines of several
// lines, completion, history, interrupts, and a program that draws with curses.
func TestPortPythonPrompt(t *testing.T) {
	t.Parallel()
	const (
		prompt = `(?s).*>>> $`
		more   = `(?s).*\.\.\. $`
		draw   = `import curses, curses.panel, curses.textpad, locale
locale.setlocale(locale.LC_ALL, '')
def main(screen):
    curses.start_color(); curses.init_pair(1, curses.COLOR_RED, curses.COLOR_WHITE); curses.curs_set(0)
    window = curses.newwin(5, 30, 8, 10); panel = curses.panel.new_panel(window); text = ''
    while not text.endswith('q'):
        screen.erase(); screen.addstr(0, 0, 'top', curses.color_pair(1) | curses.A_BOLD)
        screen.addstr(1, 0, 'size %d %d\u00e4 typed %s, ' % (*screen.getmaxyx(), text)); screen.addstr('next')
        window.box(); window.addstr(1, 1, 'in a panel'); curses.panel.update_panels(); curses.doupdate()
        key = screen.get_wch(); text += key if isinstance(key, str) else '<' + curses.keyname(key).decode() + '>'
        if key == 'h': panel.hide()
    screen.clear(); screen.refresh()
    field = curses.textpad.Textbox(curses.newwin(1, 20, 2, 2)); text += field.edit()
    open('typed', 'w').write(text)
curses.wrapper(main)
print('drawn')
`
	)
	testScreen(t, "python3.11", "", screenSteps{
		{send: "export HOME=$PWD; python3 -q\n", expect: prompt},
		{send: "2**100\n", expect: `1267650600228229401496703205376` + prompt},
		{send: "def twice(x):\n", expect: more},
		{send: "\treturn x * 2\n", expect: more},
		{send: "\n", expect: prompt},
		{send: "twi\t'gr\xc3\xbc\xc3\x9f\x7fn')\n", expect: `'grüngrün'` + prompt},
		{send: "import os, signal, time, readline, rlcompleter\n", expect: prompt},
		{send: "os.path.isa\t'/')\n", expect: `True` + prompt},
		{send: "os.path.is\t\t", expect: `(?s)os\.path\.isabs\(.*os\.path\.isfile\(.*os\.path\.ismount\(.*>>> os\.path\.is$`},
		{send: "\x15[1, 2, 3\x1b[D\x1b[D\x7f\x7f4\x01len(\x05])\n", expect: `\s2` + prompt},
		{send: "\x1b[A\x1b[A\n", expect: `True` + prompt},
		{send: "\x12nothing", expect: `(?s)failed reverse-i-search.*g`},
		{send: "\x07\x122**", expect: `2\*\*100`},
		{send: "\r", expect: `1267650600228229401496703205376` + prompt},
		{send: "half a line\x03", expect: `KeyboardInterrupt` + prompt},
		{send: "time.sleep(100)\n", expect: `sleep`},
		{send: "\x03", expect: `KeyboardInterrupt` + prompt},
		{send: "name = input('name? ')\n", expect: `name\? $`},
		{send: "Pi\x01Monty \x05ton\x1b\x7f\x1b[AThis\x15Monty Python\n", expect: prompt},
		{send: "name; 1/0\n", expect: `'Monty Python'(?s).*ZeroDivisionError` + prompt},
		{send: "got = []; _ = signal.signal(signal.SIGALRM, lambda *_: got.append(1)); signal.alarm(1)\n", expect: `0` + prompt},
		{send: "readline.get_current_history_length(), readline.get_history_item(1), len(input()), got\n", expect: `got\r?\n`},
		{rows: 40, columns: 100, send: "", expect: `(?s).?`},
		{send: "edited", expect: `edited`},
		{send: "\x0c\n", expect: `\([0-9]+, '2\*\*100', 6, \[1?\]\)` + prompt},
		{send: "os.get_terminal_size().lines\n", expect: `40` + prompt},
		{send: "fo\x1a", expect: backInShell},
		{send: "fg\n", expect: `(?s).`},
		{send: "\x15print('ba' + 'ck')\n", expect: `back` + prompt},
		{send: "\x04", expect: shellPrompt},
		{send: "cat >draw.py <<'END'\n" + draw + "END\n", expect: shellPrompt},
		{send: "python3 draw.py\n", expect: `(?s)top.*size 40 100.*ä typed , next.*in a panel`},
		{send: "a\xc3\xa4", expect: `ä, next`},
		{send: "\x1bOA", expect: `<KEY_UP>`},
		{rows: 24, columns: 80, send: "", expect: `size 24 (?s).*<KEY_RESIZE>`},
		{send: "hq", expect: `(?s).`},
		{send: "fieldd\x08 of text\x01\x07", expect: `drawn` + shellPrompt},
		{send: "cat typed; wc -l <.python_history; stty -a | tr ' ' '\\n' | grep -x -e -*echo\n", expect: `(?s).*\necho` + shellPrompt},
		{send: "python3 -c 'import getpass; print(getpass.getpass()[::-1])'\n", expect: `Password: `},
		{send: "secret\n", expect: `terces` + shellPrompt},
	})
}

// pythonServer answers requests over TLS, and in a second port turns lines around.
const pythonServer = `import asyncio, hashlib, http.server, json, signal, ssl, sys, threading
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def answer(self, body):
        self.send_response(200); self.send_header('Content-Length', len(body)); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        if self.path == '/page': return self.answer(b'page ' * 200000)
        who = self.connection.getpeercert(); who = who and dict(x[0] for x in who['subject'])['commonName']
        self.answer(json.dumps([self.path, self.connection.version(), self.connection.cipher()[0], who]).encode())
    def do_POST(self):
        self.answer(hashlib.sha256(self.rfile.read(int(self.headers['Content-Length']))).hexdigest().encode())
    def log_message(self, *_): pass
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile='authority.pem')
context.load_cert_chain('server.pem'); context.verify_mode = ssl.CERT_OPTIONAL
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Page, False)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.server_bind(); server.server_activate()
threading.Thread(target=server.serve_forever).start()
async def lines(reader, writer):
    while line := await reader.readline(): writer.write(line.strip()[::-1] + b'\n'); await writer.drain()
    writer.close()
async def main():
    loop = asyncio.get_running_loop(); end = loop.create_future(); loop.add_signal_handler(signal.SIGTERM, end.set_result, None)
    async with await asyncio.start_server(lines, '127.0.0.1', int(sys.argv[2]), ssl=context): print('serving', flush=True); await end
asyncio.run(main()); server.shutdown(); print('ended'); sys.exit(3)
`

// pythonClient asks such servers, and says what it got.
const pythonClient = `import asyncio, hashlib, http.client, json, socket, ssl, sys, urllib.error, urllib.request
web, other = int(sys.argv[1]), int(sys.argv[2]); url = f'https://localhost:{web}'
context = ssl.create_default_context(cafile='authority.pem')
def get(url, data=None, context=context):
    try: return urllib.request.urlopen(url, data, context=context).read()
    except urllib.error.URLError as e: return getattr(e.reason, 'verify_message', None) or getattr(e.reason, 'reason', e)
page = get(url + '/page'); print(len(page), hashlib.sha256(page).hexdigest())
print(get(url + '/who'), get(url, b'posted ' * 100000))
print(get(url, context=ssl.create_default_context()))
print(get(f'https://127.0.0.1:{web}/'))
named = ssl.create_default_context(cafile='authority.pem'); named.load_cert_chain('client.pem'); print(get(url + '/who', context=named))
old = ssl.create_default_context(cafile='authority.pem'); old.maximum_version = ssl.TLSVersion.TLSv1_2; print(get(url + '/who', context=old))
old.set_ciphers('ECDHE-ECDSA-CHACHA20-POLY1305'); print(get(url + '/who', context=old))
with socket.create_connection(('127.0.0.1', web)) as raw:
    try: context.wrap_socket(raw, server_hostname='another.test')
    except ssl.SSLCertVerificationError as e: print(e.verify_message)
connection = http.client.HTTPSConnection('localhost', web, context=context)
for i in range(3): connection.request('GET', f'/{i}'); print(json.loads(connection.getresponse().read())[0])
certificate = ssl.DER_cert_to_PEM_cert(connection.sock.getpeercert(True)); print(certificate in open('server.pem').read(), connection.sock.getpeercert()['subjectAltName'])
connection.close()
async def main():
    async def talk(i):
        reader, writer = await asyncio.open_connection('127.0.0.1', other, ssl=context, server_hostname='localhost')
        writer.write((b'%d ' % i) * 30000 + b'\n'); line = await reader.readuntil(); writer.close(); await writer.wait_closed(); return len(line), line[:4]
    print(await asyncio.gather(*map(talk, range(8))))
asyncio.run(main())
`

// TestPortPythonTLS has the server of each build answer the clients of both, over TLS and with
// certificates made here, and Go's client; and the clients of both ask a server written in Go.
func TestPortPythonTLS(t *testing.T) {
	t.Parallel()
	python := furtherPort(t, "python3.11", "python3")
	folder := t.TempDir()
	config := makeCertificates(t, folder)
	for name, text := range map[string]string{"server.py": pythonServer, "client.py": pythonClient} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start := func(s side, args ...string) *exec.Cmd {
		cmd := s.cmd(python, args...)
		cmd.Dir = folder
		return cmd
	}
	// askAll returns what a server's clients say, which must be the same.
	askAll := func(t *testing.T, web, lines string) string {
		said := map[string]string{}
		for _, client := range sides {
			cmd := start(client, "client.py", web, lines)
			cmd.Env = baseEnv()
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if status := runBounded(t, cmd); status != 0 {
				t.Errorf("the %s client exits with %d", client.name, status)
			}
			said[client.name] = out.String()
		}
		if said["native"] != said["guest"] {
			t.Errorf("the native client says\n%s\nthe guest\n%s", said["native"], said["guest"])
		}
		return said["native"]
	}
	answers := map[string]string{}
	for _, s := range sides {
		t.Run(s.name+" server", func(t *testing.T) {
			web, lines := freePort(t), freePort(t)
			server := startServer(t, start(s, "server.py", web, lines))
			server.expect("serving")
			answers[s.name] = askAll(t, web, lines)
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: config.ClientCAs, Certificates: config.Certificates}}
			defer transport.CloseIdleConnections()
			response, err := (&http.Client{Transport: transport}).Get("https://localhost:" + web + "/who")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if want := `["/who", "TLSv1.3", "TLS_AES_256_GCM_SHA384", "localhost"]`; err != nil || string(body) != want {
				t.Errorf("Go's client got %s, %v, want %s", body, err, want)
			}
			if status := server.stop(unix.SIGTERM); status != 3 {
				t.Errorf("status %d, want 3", status)
			}
		})
	}
	if answers["native"] != answers["guest"] {
		t.Errorf("the native server's clients say\n%s\nthe guest's\n%s", answers["native"], answers["guest"])
	}
	t.Run("Go's server", func(t *testing.T) {
		web := httptest.NewUnstartedServer(http.HandlerFunc(answerOverTLS))
		web.TLS = config
		web.Config.ErrorLog = log.New(io.Discard, "", 0) // the client refuses its certificate three times
		web.StartTLS()
		defer web.Close()
		lines, err := tls.Listen("tcp", "127.0.0.1:0", config)
		if err != nil {
			t.Fatal(err)
		}
		defer lines.Close()
		go turnLines(lines)
		port := func(a net.Addr) string { return strconv.Itoa(a.(*net.TCPAddr).Port) }
		said := askAll(t, port(web.Listener.Addr()), port(lines.Addr()))
		// Go chooses other ciphers, and names them in another way.
		cipher := regexp.MustCompile(`[A-Z0-9_-]+(GCM|CHACHA20)[A-Z0-9_-]*`)
		got, want := cipher.ReplaceAllString(said, "CIPHER"), cipher.ReplaceAllString(answers["native"], "CIPHER")
		if got != want || !strings.Contains(want, "CIPHER") {
			t.Errorf("the clients say\n%s\nwant\n%s", got, want)
		}
	})
}

// answerOverTLS answers as pythonServer does.
func answerOverTLS(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == "POST":
		sum := sha256.New()
		io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%x", sum.Sum(nil))
	case r.URL.Path == "/page":
		io.WriteString(w, strings.Repeat("page ", 200000))
	default:
		version := strings.Replace(tls.VersionName(r.TLS.Version), "TLS 1", "TLSv1", 1)
		who := "null"
		if len(r.TLS.PeerCertificates) > 0 {
			who = strconv.Quote(r.TLS.PeerCertificates[0].Subject.CommonName)
		}
		fmt.Fprintf(w, "[%q, %q, %q, %s]", r.URL.Path, version, tls.CipherSuiteName(r.TLS.CipherSuite), who)
	}
}

// turnLines sends each line of each connection back to front, as pythonServer does.
func turnLines(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			reader := bufio.NewReader(conn)
			for {
				line, err := reader.ReadBytes('\n')
				if err != nil {
					return
				}
				line = bytes.TrimSpace(line)
				slices.Reverse(line)
				conn.Write(append(line, '\n'))
			}
		}()
	}
}

// makeCertificates leaves an authority's certificate, and those of a server named localhost and
// of a client with their keys, in a directory, and returns how a server in Go uses them.
func makeCertificates(t *testing.T, folder string) *tls.Config {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	authorityKey := key()
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour)}
	pool := x509.NewCertPool()
	config := &tls.Config{ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven}
	for i, name := range []string{"authority", "localhost", "the client"} {
		template, k := authority, authorityKey
		if i > 0 {
			k = key()
			template = &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name},
				KeyUsage: x509.KeyUsageDigitalSignature, NotAfter: time.Now().Add(time.Hour)}
		}
		if i == 1 {
			template.DNSNames = []string{name}
		}
		der, err := x509.CreateCertificate(rand.Reader, template, authority, k.Public(), authorityKey)
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		switch i {
		case 0:
			pool.AppendCertsFromPEM(text)
			authority.Raw = der
		default:
			secret, err := x509.MarshalPKCS8PrivateKey(k)
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				config.Certificates = []tls.Certificate{{Certificate: [][]byte{der, authority.Raw}, PrivateKey: k}}
			}
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
		}
		file := []string{"authority.pem", "server.pem", "client.pem"}[i]
		if err := os.WriteFile(filepath.Join(folder, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config
}
