# needs: python3.11
python3 <<'END'
import array, bisect, collections, csv, datetime, decimal, fractions, hashlib, heapq, io, json, lzma, math, pickle, random, re
import sqlite3, statistics, string, struct, sys, textwrap, unicodedata, xml.etree.ElementTree as tree, zlib
print(sys.version_info, sys.platform, sys.byteorder, sys.int_info.bits_per_digit, sys.maxunicode)
print(2**200, -7 // 2, -7 % 3, 10**30 // 7**9, math.sqrt(2), 0.1 + 0.2, 1e308 * 10, round(2.675, 2), math.factorial(30), (1 << 63) - 1)
print(struct.pack('<qIhd', -2, 7, -1, 1.5), struct.unpack('>l', b'\xff\xff\xff\xfe'), array.array('q', [1, -2]).tobytes())
print(json.dumps({'b': [1, 2.5, None, True], 'a': 'gr\u00fc\u00df'}, sort_keys=True), json.loads('[1e3, "\\u00e9", {"x": -0.0}]'))
print(re.findall(r'(\w)(\d+)', 'a12 b3 c456'), re.sub(r'(?P<v>[aeiou])', r'<\g<v>>', 'substitution'), re.split(r'\s*,\s*', 'a , b,c'))
print(zlib.crc32(b'hello'), len(zlib.compress(b'x' * 100000)), zlib.decompress(zlib.compress(b'text ' * 3)), lzma.decompress(lzma.compress(b'lzma')))
for name in 'md5', 'sha1', 'sha256', 'sha512', 'sha3_256', 'blake2b': print(name, hashlib.new(name, b'walisup').hexdigest())
db = sqlite3.connect(':memory:'); db.execute('create table t (n integer, s text)')
db.executemany('insert into t values (?, ?)', [(i, str(i * i)) for i in range(-3, 2**33, 2**31)]); db.create_function('twice', 1, lambda x: x * 2)
print(db.execute('select twice(n), s from t order by n desc').fetchall(), db.execute('select sum(n) from t').fetchone())
random.seed(42); print([random.randrange(100) for _ in range(5)], random.random(), random.sample(range(50), 4))
try: small = decimal.Decimal('1e4000000000') < 1
except decimal.InvalidOperation: small = False # where exponents have 32 bits
print(small)
print(decimal.Decimal(1) / 7, fractions.Fraction(3, 12), statistics.stdev([1, 2, 4, 8]), datetime.datetime(2024, 2, 28, 23) + datetime.timedelta(hours=2))
print(pickle.loads(pickle.dumps({'set': {1, 2}, 'big': 3**99})), collections.Counter('mississippi').most_common(2), heapq.nsmallest(2, [5, 1, 4]))
print(tree.fromstring('<a><b c="d">text</b></a>').find('b').attrib, unicodedata.name('\u00e9'), 'stra\u00dfe'.upper(), len('\U0001f40d'), 'caf\u00e9'.encode('latin-1'))
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
def nest(n):
    return [nest(n - 1)] if n else []
print(deep(900), len(repr(nest(300))), len(json.dumps(nest(300))))
try: deep(10**6)
except RecursionError as e: print(type(e).__name__, e)
try: json.loads('[' * 100000)
except RecursionError as e: print(type(e).__name__)
END
echo status $?
cat >processes.py <<'END'
import errno, fcntl, mmap, os, pty, resource, select, shutil, signal, socket, subprocess, sys, tempfile, termios, threading, time
py = [sys.executable, '-S']
print(subprocess.run(['tr', 'a-z', 'A-Z'], input='through a pipe', capture_output=True, text=True).stdout)
p = subprocess.Popen(['sort'], stdin=subprocess.PIPE, stdout=subprocess.PIPE); print(p.communicate(b'b\na\n' * 20000)[0][-4:], p.returncode)
sh = shutil.which('sh')
print(subprocess.run('echo $0; echo wrong >&2; exit 3', shell=True, executable=sh, stderr=subprocess.STDOUT, stdout=subprocess.PIPE).returncode)
for s in 'kill -9 $$', 'kill -TERM $$', 'exit 77': print(subprocess.call([sh, '-c', s]))
try: subprocess.check_output(py + ['-c', 'import sys; sys.exit("the reason")'], stderr=subprocess.STDOUT)
except subprocess.CalledProcessError as e: print(e.returncode, e.output)
try: subprocess.run(['no-such-program'])
except FileNotFoundError as e: print(e)
try: subprocess.run(['true'], cwd='/no/such/folder')
except FileNotFoundError as e: print(e)
try: subprocess.run(['sleep', '9'], timeout=0.1)
except subprocess.TimeoutExpired as e: print('timeout', e.cmd)
p = subprocess.Popen(py + ['-c', 'import os; print(os.getpgrp() == os.getpid(), os.environ["X"], os.umask(0))'], start_new_session=True, env={**os.environ, 'X': 'y'}, umask=0o27); p.wait()
a, b = os.pipe(); print(subprocess.run(py + ['-c', f'import os; os.write({b}, b"kept")'], pass_fds=[b]).returncode, os.read(a, 9))
first = subprocess.Popen(['echo', 'one two'], stdout=subprocess.PIPE); print(subprocess.check_output(['wc', '-w'], stdin=first.stdout).strip(), first.wait())
print(os.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', 'exit 5'), os.waitstatus_to_exitcode(os.waitpid(os.posix_spawnp('sh', ['sh', '-c', 'exit 6'], os.environ), 0)[1]))
# fork, wait, signals
sys.stdout.flush()
children = []
for i in range(5):
    pid = os.fork()
    if pid == 0: os._exit(i)
    children.append(pid)
print([os.WEXITSTATUS(os.waitpid(pid, 0)[1]) for pid in children])
if (pid := os.fork()) == 0: signal.pause()
os.kill(pid, signal.SIGSTOP); print(os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])); os.kill(pid, signal.SIGKILL); print(os.WTERMSIG(os.waitpid(pid, 0)[1]))
try: os.wait()
except ChildProcessError as e: print(e.errno == errno.ECHILD)
got = []
signal.signal(signal.SIGALRM, lambda n, f: got.append(signal.Signals(n).name)); signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
while len(got) < 5: sum(range(1000))
signal.setitimer(signal.ITIMER_REAL, 0); print(got[:5])
def handler(n, f): raise TimeoutError('interrupted')
signal.signal(signal.SIGALRM, handler); signal.setitimer(signal.ITIMER_REAL, 0.05); r, w = os.pipe()
try: os.read(r, 1)
except TimeoutError as e: print(e)
held = threading.Lock(); held.acquire()
for patience in -1, 5:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try: print(held.acquire(timeout=patience))
    except TimeoutError as e: print(e)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); os.kill(os.getpid(), signal.SIGUSR1); print(signal.sigpending(), signal.sigwait([signal.SIGUSR1]))
try: os.kill(os.getpid(), signal.SIGINT); time.sleep(5)
except KeyboardInterrupt: print('interrupt')
# threads
lock, total, barrier = threading.Lock(), 0, threading.Barrier(4)
def add():
    global total
    barrier.wait()
    for _ in range(2000):
        with lock: total += 1
threads = [threading.Thread(target=add) for _ in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]; print(total, threading.active_count())
import queue, concurrent.futures
q = queue.Queue(3); done = []
t = threading.Thread(target=lambda: [done.append(x) for x in iter(q.get, None)]); t.start(); [q.put(i) for i in range(20)]; q.put(None); t.join(); print(done)
with concurrent.futures.ThreadPoolExecutor(3) as pool: print(list(pool.map(lambda x: x * x, range(6))), pool.submit(divmod, 7, 0).exception())
local = threading.local(); local.x = 1; t = threading.Thread(target=lambda: print(hasattr(local, 'x'))); t.start(); t.join()
# terminals, files, memory
sys.stdout.flush(); pid, fd = pty.fork()
if pid == 0: print(os.isatty(0), os.ttyname(0).startswith('/dev/pts/'), input('name? ')); os._exit(4)
os.write(fd, b'python\n'); seen = b''
try:
    while chunk := os.read(fd, 100): seen += chunk
except OSError as e: print(e.errno == errno.EIO)
print(sorted(seen.split()), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
m, s = os.openpty(); attributes = termios.tcgetattr(s); attributes[3] &= ~termios.ECHO; termios.tcsetattr(s, termios.TCSANOW, attributes)
print(termios.tcgetattr(s)[3] & termios.ECHO, os.get_terminal_size(s), os.ttyname(s) != os.ttyname(m))
with tempfile.TemporaryFile() as f:
    f.truncate(8192); shared = mmap.mmap(f.fileno(), 8192); shared[4096:4101] = b'above'; f.seek(4096); print(f.read(5), shared.find(b'o')); fcntl.lockf(f, fcntl.LOCK_EX)
anonymous = mmap.mmap(-1, 4096)
if os.fork() == 0: anonymous[:5] = b'child'; os._exit(0)
os.wait(); print(anonymous[:5]); print(resource.getrlimit(resource.RLIMIT_CORE)[0] >= -1, os.cpu_count() > 0, os.uname().sysname)
poll, epoll = select.poll(), select.epoll(); poll.register(r, select.POLLIN); epoll.register(r, select.EPOLLIN); os.write(w, b'x')
print(poll.poll(1000) == [(r, select.POLLIN)], epoll.poll(1) == [(r, select.EPOLLIN)], select.select([r], [w], [], 1) == ([r], [w], []))
os.mkdir('d'); os.symlink('d', 'l'); open('d/f', 'w').write('x'); print(sorted(e.name for e in os.scandir('.')), os.readlink('l'), os.stat('l/f').st_size, list(os.walk('d'))); shutil.rmtree('d'); os.unlink('l')
sys.exit(7)
END
python3 processes.py; echo status $?
cat >network.py <<'END'
import asyncio, http.server, os, signal, socket, socketserver, sys, threading, urllib.error, urllib.request
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != '/page': return self.send_error(404)
        self.send_response(200); self.end_headers(); self.wfile.write(b'page ' * 20000)
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length'])); self.send_response(200); self.end_headers(); self.wfile.write(body[::-1])
    def log_message(self, *_): pass
with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Page) as server:
    threading.Thread(target=server.serve_forever).start(); url = f'http://127.0.0.1:{server.server_port}'
    print(len(urllib.request.urlopen(url + '/page').read()), urllib.request.urlopen(url, b'stressed').read())
    try: urllib.request.urlopen(url + '/none')
    except urllib.error.HTTPError as e: print(e.code, e.reason)
    server.shutdown()
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: self.wfile.write(b'%d ' % (os.getppid() == parent) + line.upper())
parent = os.getpid()
with socketserver.ForkingTCPServer(('127.0.0.1', 0), Echo) as server:
    t = threading.Thread(target=server.serve_forever); t.start()
    for text in b'one\n', b'two\nthree\n':
        with socket.create_connection(server.server_address) as s: s.sendall(text); s.shutdown(socket.SHUT_WR); print(s.makefile().read().split())
    server.shutdown(); t.join()
a, b = socket.socketpair(); socket.send_fds(a, [b'fd'], [1]); message, fds, *_ = socket.recv_fds(b, 9, 1); os.write(fds[0], message + b'\n')
u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); u.bind('sock'); u.settimeout(0.05); a = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); a.sendto(b'datagram', 'sock'); print(u.recvfrom(99))
try: u.recv(1)
except TimeoutError as e: print(e)
try: socket.create_connection(('127.0.0.1', 1))
except ConnectionRefusedError as e: print(e)
print([(kind, address) for _, kind, _, _, address in socket.getaddrinfo('127.0.0.1', 80, type=socket.SOCK_STREAM)], socket.inet_pton(socket.AF_INET6, '::1')[-1], socket.getservbyname('http') if os.path.exists('/etc/services') else 80); os.unlink('sock')
async def main():
    async def serve(reader, writer):
        while line := await reader.readline(): writer.write(line[::-1].strip() + b'\n'); await writer.drain()
        writer.close()
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    async def client(text):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()); writer.write(text + b'\n'); line = await reader.readline(); writer.close(); return line
    print(await asyncio.gather(*(client(b'client%d' % i) for i in range(5))))
    p = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1); print(await p.communicate(b'by asyncio'), p.returncode)
    loop = asyncio.get_running_loop(); caught = asyncio.Event(); loop.add_signal_handler(signal.SIGUSR1, caught.set); os.kill(os.getpid(), signal.SIGUSR1); await asyncio.wait_for(caught.wait(), 5)
    print(await asyncio.to_thread(lambda: threading.current_thread() is threading.main_thread()), await loop.run_in_executor(None, sum, range(100)))
    try: await asyncio.wait_for(asyncio.sleep(9), 0.02)
    except TimeoutError: print('timed out')
    try:
        async with asyncio.TaskGroup() as g: g.create_task(asyncio.sleep(9)); g.create_task(asyncio.to_thread(int, 'x'))
    except* ValueError as e: print(e.exceptions)
asyncio.run(main())
END
python3 network.py; echo status $?
cat >pool.py <<'END'
import multiprocessing, signal
from multiprocessing import shared_memory
def square(x): return x * x
def put(q, n): q.put((n, 'x' * 100000))
if __name__ == '__main__':
    with multiprocessing.Pool(3) as pool: print(pool.map(square, range(10)), pool.apply_async(square, [2**40]).get())
    q = multiprocessing.Queue(); ps = [multiprocessing.Process(target=put, args=(q, n)) for n in range(3)]; [p.start() for p in ps]
    print(sorted((n, len(s)) for n, s in (q.get() for _ in ps)), [p.join() or p.exitcode for p in ps])
    m = shared_memory.SharedMemory(create=True, size=64); p = multiprocessing.Process(target=lambda: m.buf.__setitem__(0, 42)); p.start(); p.join(); print(m.buf[0]); m.close(); m.unlink()
    p = multiprocessing.Process(target=signal.pause); p.start(); p.terminate(); p.join(); print(p.exitcode)
    c = multiprocessing.get_context('spawn'); p = c.Process(target=print, args=('spawned',)); p.start(); p.join(); print(p.exitcode)
END
python3 pool.py; echo status $?
# The command line: -c, -m, standard input, what an error gives, signals.
python3 -c 'import sys; print(sys.argv)' a "b c"; echo 'print("from stdin", __name__)' | python3; echo 'print(__import__("sys").argv)' | python3 - x
printf '{"b": 1, "a": [2]}' | python3 -m json.tool --sort-keys --compact; python3 -m calendar 2024 2; echo text | python3 -m base64 -e -
mkdir pkg; echo 'from . import part' >pkg/__main__.py; echo 'print(__name__, __file__.rpartition("/")[2])' >pkg/part.py; touch pkg/__init__.py; python3 -m pkg; python3 pkg 2>&1 | tail -n 1; ls pkg/__pycache__
(cd pkg && python3 -m zipfile -c ../pkg.zip part.py && cd .. && PYTHONPATH=pkg.zip python3 -c 'import part')
python3 -c 'def f(): g()
def g(): 1 / 0
f()' 2>&1; echo $?; python3 -c 'x = = 1' 2>&1; echo $?; python3 gone.py 2>&1 | sed 's,.*/,,'; python3 -c 'raise SystemExit(300)'; echo $?
printf '1 + 1\ndef f():\n  return "x"\n\nf()\n1/0\nexit(3)\n' | python3 -i -q 2>/dev/null; echo $?
python3 -c 'import os, signal; os.kill(os.getpid(), signal.SIGINT)' 2>&1 | tail -n 1; { python3 -c 'import os; os.abort()'; echo $?; } 2>/dev/null
python3 -c 'import ctypes' 2>&1 | tail -n 1 | sed 's/No module.*/no/'; python3 -X importtime -c pass 2>&1 | grep -c zipimport; python3 -c 'print("x" * 100000)' 2>/dev/null | head -c 5; echo
python3 -c 'import sys; sys.stdout.buffer.write(b"\xff\n"); print(ascii(sys.argv[1]), sys.stdin.encoding)' "ä" </dev/null; python3 -bb -W error -c 'import warnings; warnings.warn("w")' 2>&1 | tail -n 1
rm -r pkg pkg.zip # which tell when they were made
