# needs: python3.11 openssl bzip2 xz sqlite3
# What the programs of the same libraries make, Python's modules read, and the other way about.
seq 1 50000 >data; printf '\0\1\377' >>data
cat >sums.py <<'END'
import hashlib, hmac, _hashlib
print(sorted(hashlib.algorithms_guaranteed - hashlib.algorithms_available), hashlib.new('sha256').__class__.__module__)
for name in 'md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha512-256', 'sha3-256', 'sha3-512', 'blake2b512', 'blake2s256', 'ripemd160', 'sm3':
    with open('data', 'rb') as f: print(hashlib.file_digest(f, lambda: _hashlib.new(name)).hexdigest(), name)
print(hashlib.pbkdf2_hmac('sha512', b'password', b'salt', 2000).hex(), hashlib.scrypt(b'password', salt=b'salt', n=1024, r=8, p=1, dklen=32).hex())
print(hmac.digest(b'key', b'text', 'sha256').hex(), hashlib.shake_128(b'text').hexdigest(20), hashlib.blake2b(b'text', key=b'key', digest_size=16).hexdigest())
try: hashlib.new('none')
except ValueError as e: print(e)
END
python3 sums.py >sums; cat sums; grep -E '^[0-9a-f]+ [a-z][a-z0-9-]+$' sums | while read -r sum name; do [ "$(openssl dgst "-$name" -r data | cut -d' ' -f1)" = "$sum" ] && echo "$name as openssl"; done
printf text | openssl dgst -sha256 -hmac key -r
for kind in bz2:bzip2 lzma:xz gzip:gzip; do
	module=${kind%%:*} tool=${kind#*:}
	python3 -c "import $module; f = $module.open('p', 'wb'); f.write(open('data', 'rb').read()); f.close()"; $tool -dc <p | cmp - data && echo "$tool reads what $module wrote"
	$tool -9 -c data >t; cat t t >tt; python3 -c "import $module; print($module.open('t').read() == open('data', 'rb').read(), len($module.open('tt').read()), $module.open('t', 'rt', encoding='latin-1').readlines()[-2:])"
	head -c 9000 t | python3 -c "import $module, sys
try: print(len($module.decompress(sys.stdin.buffer.read())))
except Exception as e: print(type(e).__name__, e)"
done
python3 -c 'import bz2, hashlib; d = open("data", "rb").read(); [print(l, hashlib.md5(bz2.compress(d, l)).hexdigest()) for l in (1, 5, 9)]'; bzip2 -5c data | md5sum
python3 -c 'import bz2
c, d, out = bz2.BZ2Compressor(), bz2.BZ2Decompressor(), 0; packed = b"".join(c.compress(b"%d " % i * 1000) for i in range(1000)) + c.flush() + b"more"
for i in range(0, len(packed), 100): out += len(d.decompress(packed[i:i + 100])) if not d.eof else 0
print(len(packed), out, d.eof)'
tar cf - data sums.py | bzip2 >t.tar.bz2; python3 -m tarfile -l t.tar.bz2; python3 -m tarfile -c u.tar.xz data sums.py; xz -dc u.tar.xz | tar tf -; rm t.tar.bz2 u.tar.xz t tt p sums
# Keys and certificates of openssl's: handshakes in memory, without a socket.
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=in.memory -addext subjectAltName=DNS:in.memory 2>/dev/null; cat >memory.py <<'END'
import ssl
print(ssl.OPENSSL_VERSION_INFO[:2], ssl.HAS_TLSv1_3, ssl.HAS_ALPN, [c['name'] for c in ssl.create_default_context().get_ciphers()], ssl.get_default_verify_paths().openssl_cafile)
def shake(change=lambda c, s: None, name='in.memory'):
    client, server = ssl.create_default_context(cafile='cert.pem'), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); server.load_cert_chain('cert.pem', 'key.pem')
    client.set_alpn_protocols(['h2', 'http/1.1']); server.set_alpn_protocols(['http/1.1']); change(client, server)
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO(); ends = [client.wrap_bio(a, b, server_hostname=name), server.wrap_bio(b, a, server_side=True)]; left = list(ends)
    while left:
        for end in list(left):
            try: end.do_handshake(); left.remove(end)
            except ssl.SSLWantReadError: pass
    ends[0].write(b'x' * 10000); ends[1].write(b'back'); print(len(ends[1].read(20000)), ends[0].read(), ends[0].version(), ends[0].cipher(), ends[0].selected_alpn_protocol(), ends[0].getpeercert()['subject'])
    print(ends[0].version() == 'TLSv1.3' or ends[0].get_channel_binding() == ends[1].get_channel_binding())
def old(c, s): c.maximum_version = ssl.TLSVersion.TLSv1_2
def cipher(c, s): old(c, s); c.set_ciphers('ECDHE-RSA-CHACHA20-POLY1305')
def apart(c, s): old(c, s); s.minimum_version = ssl.TLSVersion.TLSv1_3
names = []
def named(c, s): s.sni_callback = lambda sock, name, context: names.append(name)
for change in lambda c, s: None, old, cipher, named: shake(change)
for change, name in (apart, 'in.memory'), (lambda c, s: None, 'elsewhere'), (lambda c, s: c.load_verify_locations('gone.pem'), 'in.memory'):
    try: shake(change, name)
    except (ssl.SSLError, OSError) as e: print(type(e).__name__, getattr(e, 'reason', ''), getattr(e, 'verify_message', ''), e.errno)
print(names, len(ssl.RAND_bytes(16)), ssl.PEM_cert_to_DER_cert(open('cert.pem').read())[:2], ssl._ssl._test_decode_cert('cert.pem')['subject'])
END
python3 memory.py; echo status $?; rm key.pem cert.pem
# Databases.
sqlite3 db 'create table t (a integer primary key, b text); insert into t values (1, "one"), (9007199254740993, "big"); create index i on t (b);'
cat >base.py <<'END'
import multiprocessing, sqlite3
def add(n):
    own = sqlite3.connect('db', timeout=60)
    for i in range(20):
        with own: own.execute('insert into t (b) values (?)', [f'{n} {i}'])
if __name__ == '__main__':
    db = sqlite3.connect('db', timeout=60); db.row_factory = sqlite3.Row; print([tuple(r) for r in db.execute('select * from t order by a')], db.execute('pragma integrity_check').fetchone()[0])
    with multiprocessing.Pool(3) as pool: pool.map(add, range(3))
    print(db.execute('select count(*) from t').fetchone()[0])
    try: db.execute('insert into t values (1, 2)')
    except sqlite3.IntegrityError as e: print(e)
    try:
        with db: db.execute('delete from t'); raise KeyError
    except KeyError: print(db.execute('select count(*) from t').fetchone()[0])
    db.create_collation('back', lambda a, b: (a < b) - (a > b)); print(*[tuple(r) for r in db.execute('select b from t order by b collate back limit 2')])
    db.execute('create virtual table w using fts5 (x)'); db.executemany('insert into w values (?)', [('a needle in hay',), ('hay',)]); print(*db.execute("select x from w where w match 'needle'").fetchone()); db.commit()
    copy = sqlite3.connect('copy'); db.backup(copy); print(len(list(copy.iterdump())) > 60)
END
python3 base.py; sqlite3 copy 'select count(*), min(length(b)) from t; select count(*) from w'; rm db copy
# What misses its library says so.
for m in ctypes dbm.gnu tkinter; do python3 -c "import $m" 2>&1 | tail -n 1; done
python3 -c 'import curses.panel, readline; print(curses.version, curses.panel.version, readline.__doc__[:9])'
TERM=vt100 python3 -c 'import curses; curses.setupterm(fd=1); print(curses.tigetstr("cup"), curses.tparm(curses.tigetstr("cup"), 3, 4), curses.tigetnum("cols"))'
