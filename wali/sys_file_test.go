package wali

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// errnoOf returns the number of a native call's error.
func errnoOf(err error) unix.Errno {
	var e unix.Errno
	if err != nil && !errors.As(err, &e) {
		panic(err)
	}
	return e
}

// fill writes the byte to n bytes of guest memory, to see later which were
// written.
func (g *guest) fill(p uint32, n int, with byte) {
	g.t.Helper()
	g.write(p, bytes.Repeat([]byte{with}, n))
}

// untouched fails the test if one of the n bytes at p is not what fill left.
func (g *guest) untouched(what string, p uint32, n int, with byte) {
	g.t.Helper()
	for i, b := range g.bytes(p, n) {
		if b != with {
			g.t.Errorf("%s: byte %d after the struct was written", what, i)
			return
		}
	}
}

func TestOpenGivesTheKernelsErrors(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	dir := t.TempDir()
	for _, name := range []string{"file", "locked"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("contents"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"link": "file", "loop": "loop", "dangling": "nothing", "todir": "."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	dirfd, err := unix.Open(dir, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	filefd, err := unix.Open(filepath.Join(dir, "file"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, dirfd, filefd)
	paths := []string{"file", "link", "loop", "dangling", "todir", ".", "fifo", "nothing", "file/", "file/x", "nothing/x", "",
		filepath.Join(dir, "file"), "/", "/dev/null", strings.Repeat("n", 256), strings.Repeat("n/", 2048)}
	flags := []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_RDONLY | unix.O_DIRECTORY, unix.O_RDONLY | unix.O_NOFOLLOW,
		unix.O_PATH, unix.O_PATH | unix.O_NOFOLLOW, unix.O_RDONLY | unix.O_NOATIME, unix.O_RDWR | unix.O_TMPFILE,
		unix.O_RDONLY | unix.O_TMPFILE, unix.O_RDWR | unix.O_APPEND, unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL, 3}
	for _, path := range paths {
		at := g.string(path)
		for _, flag := range flags {
			flag |= unix.O_CLOEXEC | unix.O_NONBLOCK
			for _, base := range []int{dirfd, filefd, -1, unix.AT_FDCWD} {
				if flag&unix.O_CREAT != 0 && (base == unix.AT_FDCWD || path == "nothing") {
					continue // would make files where the test runs, or exist the second time
				}
				native, err := unix.Openat(base, path, flag, 0o600)
				want := errnoOf(err)
				r := g.callRow("openat", base, at, flag, 0o600)
				how := g.longs(uint64(flag), 0, 0)
				if flag&(unix.O_CREAT|unix.O_TMPFILE&^unix.O_DIRECTORY) != 0 {
					how = g.longs(uint64(flag), 0o600, 0)
				}
				g.next = how // many cases
				nativeHow := unix.OpenHow{Flags: uint64(flag)}
				if flag&(unix.O_CREAT|unix.O_TMPFILE&^unix.O_DIRECTORY) != 0 {
					nativeHow.Mode = 0o600
				}
				native2, err := unix.Openat2(base, path, &nativeHow)
				want2 := errnoOf(err)
				r2 := g.callRow("openat2", base, at, how, 24)
				for _, c := range []struct {
					call string
					r    int64
					want unix.Errno
				}{{"openat", r, want}, {"openat2", r2, want2}} {
					if c.r < 0 && unix.Errno(-c.r) != c.want || c.r >= 0 && c.want != 0 {
						t.Errorf("%s %d %.20q flags %#o: %d, want %v", c.call, base, path, flag, c.r, c.want)
					}
				}
				for _, fd := range []int{native, native2, int(r), int(r2)} {
					if fd >= 0 {
						unix.Close(fd)
					}
				}
			}
		}
	}
}

func TestOpenWithBadPointers(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	for _, p := range []uint32{0, 1, guestHole, guestEnd, guestLimit, 0xffffffff, 0xfffff000} {
		g.want(unix.EFAULT, g.callRow("open", p, 0, 0))
		g.want(unix.EFAULT, g.callRow("openat", unix.AT_FDCWD, p, 0, 0))
		g.want(unix.EFAULT, g.callRow("openat2", unix.AT_FDCWD, g.string("/"), p, 24))
		g.want(unix.EFAULT, g.callRow("stat", p, g.alloc(144)))
		g.want(unix.EFAULT, g.callRow("stat", g.string("/"), p))
		g.want(unix.EFAULT, g.callRow("readlink", g.string("/proc/self/exe"), p, 100))
		g.want(unix.EFAULT, g.callRow("readlink", p, g.alloc(100), 100))
		g.want(unix.EFAULT, g.callRow("access", p, 0))
	}
	// A path that ends with the last mapped byte.
	path := "/proc/self"
	at := uint32(guestHole - len(path) - 1)
	g.write(at, append([]byte(path), 0))
	fd := g.must("open", at, unix.O_PATH|unix.O_CLOEXEC, 0)
	unix.Close(int(fd))
	g.write(at+1, []byte(path))
	g.want(unix.EFAULT, g.callRow("open", at+1, unix.O_PATH|unix.O_CLOEXEC, 0))

	g.want(unix.EINVAL, g.callRow("openat2", unix.AT_FDCWD, g.string("/"), g.longs(0, 0, 0), 23))
	g.want(unix.E2BIG, g.callRow("openat2", unix.AT_FDCWD, g.string("/"), g.longs(0, 0, 0, 1), 32))
	g.want(unix.E2BIG, g.callRow("openat2", unix.AT_FDCWD, g.string("/"), g.longs(0, 0, 0), 4097))
	fd = g.must("openat2", unix.AT_FDCWD, g.string("/"), g.longs(unix.O_CLOEXEC, 0, 0, 0), 32)
	unix.Close(int(fd))
	g.want(unix.EXDEV, g.callRow("openat2", unix.AT_FDCWD, g.string("/"), g.longs(0, 0, unix.RESOLVE_BENEATH), 24))
}

func TestStatIsTheKernels(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, make([]byte, 5000), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	const size, mark = 144, 0xa5
	buf := g.alloc(size + 64)
	for _, path := range []string{file, link, dir, "/dev/null", "/proc/self/status"} {
		var want, wantLink unix.Stat_t
		if err := errors.Join(unix.Stat(path, &want), unix.Lstat(path, &wantLink)); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		closeLater(t, fd)
		at := g.string(path)
		check := func(call string, r int64, want *unix.Stat_t) {
			t.Helper()
			if r != 0 {
				t.Errorf("%s of %s: %v", call, path, unix.Errno(-r))
				return
			}
			b := g.bytes(buf, size)
			le := binary.LittleEndian
			got := [...]uint64{le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:]), uint64(le.Uint32(b[24:])), uint64(le.Uint32(b[28:])), uint64(le.Uint32(b[32:])),
				le.Uint64(b[40:]), le.Uint64(b[48:]), le.Uint64(b[56:]), le.Uint64(b[64:]), le.Uint64(b[88:]), le.Uint64(b[96:])}
			expect := [...]uint64{want.Dev, want.Ino, uint64(want.Nlink), uint64(want.Mode), uint64(want.Uid), uint64(want.Gid),
				want.Rdev, uint64(want.Size), uint64(want.Blksize), uint64(want.Blocks), uint64(want.Mtim.Sec), uint64(want.Mtim.Nsec)}
			if got != expect {
				t.Errorf("%s of %s:\n%v, want\n%v", call, path, got, expect)
			}
			g.untouched(call, buf+size, 64, mark)
			g.fill(buf, size+64, mark)
		}
		g.fill(buf, size+64, mark)
		check("stat", g.callRow("stat", at, buf), &want)
		check("lstat", g.callRow("lstat", at, buf), &wantLink)
		check("fstat", g.callRow("fstat", fd, buf), &want)
		check("newfstatat", g.callRow("newfstatat", unix.AT_FDCWD, at, buf, unix.AT_SYMLINK_NOFOLLOW), &wantLink)
		check("fstatat", g.callRow("fstatat", fd, g.string(""), buf, unix.AT_EMPTY_PATH), &want)
	}
	g.want(unix.EBADF, g.callRow("fstat", 12345, buf))
	g.want(unix.EBADF, g.callRow("fstat", testReservedFD, buf))
	g.want(unix.ENOENT, g.callRow("stat", g.string(""), buf))
	g.want(unix.EINVAL, g.callRow("newfstatat", unix.AT_FDCWD, g.string("/"), buf, 0x40000000))
}

// TestStructsHaveTheKernelsSize calls what writes structs that the guest has a
// bigger version of, and looks at the bytes behind the kernel's part.
func TestStructsHaveTheKernelsSize(t *testing.T) {
	t.Parallel()
	const mark = 0x5a
	for _, c := range []struct {
		call string
		size int
		args func(g *guest, buf uint32) int64
	}{
		{"statfs", 120, func(g *guest, buf uint32) int64 { return g.callRow("statfs", g.string("/"), buf) }},
		{"fstatfs", 120, func(g *guest, buf uint32) int64 { return g.callRow("fstatfs", 0, buf) }},
		{"statx", 256, func(g *guest, buf uint32) int64 {
			return g.callRow("statx", unix.AT_FDCWD, g.string("/"), 0, unix.STATX_ALL, buf)
		}},
		{"sysinfo", 112, func(g *guest, buf uint32) int64 { return g.callRow("sysinfo", buf) }},
		{"getrusage", 144, func(g *guest, buf uint32) int64 { return g.callRow("getrusage", 0, buf) }},
		{"uname", 390, func(g *guest, buf uint32) int64 { return g.callRow("uname", buf) }},
		{"times", 32, func(g *guest, buf uint32) int64 { return min(0, g.callRow("times", buf)) }},
		{"getrlimit", 16, func(g *guest, buf uint32) int64 { return g.callRow("getrlimit", unix.RLIMIT_CORE, buf) }},
		{"getrlimit of a virtual one", 16, func(g *guest, buf uint32) int64 { return g.callRow("getrlimit", unix.RLIMIT_AS, buf) }},
		{"getcpu", 4, func(g *guest, buf uint32) int64 { return g.callRow("getcpu", buf, 0, 0) }},
	} {
		t.Run(c.call, func(t *testing.T) {
			t.Parallel()
			g := newGuest(t)
			buf := g.alloc(1024)
			g.fill(buf, 1024, mark)
			if r := c.args(g, buf); r != 0 {
				t.Fatalf("result %d", r)
			}
			if bytes.Equal(g.bytes(buf, c.size), bytes.Repeat([]byte{mark}, c.size)) {
				t.Error("nothing was written")
			}
			g.untouched(c.call, buf+uint32(c.size), 1024-c.size, mark)
		})
	}
}

func TestDirectoryCalls(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	dir := t.TempDir()
	path := func(name string) uint32 { return g.string(filepath.Join(dir, name)) }
	lstat := func(name string) (st unix.Stat_t) {
		t.Helper()
		if err := unix.Lstat(filepath.Join(dir, name), &st); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return st
	}
	missing := func(name string) {
		t.Helper()
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v, want that it does not exist", name, err)
		}
	}
	g.must("mkdir", path("folder"), 0o700)
	if st := lstat("folder"); st.Mode != unix.S_IFDIR|0o700 {
		t.Errorf("mkdir made mode %o", st.Mode)
	}
	g.want(unix.EEXIST, g.callRow("mkdir", path("folder"), 0o700))
	fd := int(g.must("creat", path("folder/file"), 0o600))
	g.must("write", fd, g.string("contents"), 8)
	g.must("close", fd)
	g.must("link", path("folder/file"), path("hard"))
	if st := lstat("hard"); st.Nlink != 2 || st.Size != 8 {
		t.Errorf("link: %d links, %d bytes", st.Nlink, st.Size)
	}
	g.must("symlink", g.string("folder/file"), path("soft"))
	buf := g.alloc(64)
	if n := g.must("readlink", path("soft"), buf, 64); string(g.bytes(buf, int(n))) != "folder/file" {
		t.Errorf("readlink: %q", g.bytes(buf, int(n)))
	}
	g.want(unix.EINVAL, g.callRow("readlink", path("hard"), buf, 64))
	g.want(unix.EINVAL, g.callRow("readlink", path("soft"), buf, 0))
	g.want(unix.EINVAL, g.callRow("readlink", path("soft"), buf, -1))
	g.must("rename", path("hard"), path("other"))
	missing("hard")
	g.must("chmod", path("other"), 0o4755)
	if st := lstat("other"); st.Mode&0o7777 != 0o4755 {
		t.Errorf("chmod: mode %o", st.Mode)
	}
	g.must("fchmodat", unix.AT_FDCWD, path("other"), 0o640, 0)
	if st := lstat("other"); st.Mode&0o7777 != 0o640 {
		t.Errorf("fchmodat: mode %o", st.Mode)
	}
	if os.Getuid() == 0 {
		g.must("chown", path("soft"), 1234, 0xffffffff)
		g.must("lchown", path("soft"), 77, 88)
		if file, link := lstat("other"), lstat("soft"); file.Uid != 1234 || link.Uid != 77 || link.Gid != 88 {
			t.Errorf("owners %d and %d:%d", file.Uid, link.Uid, link.Gid)
		}
	}
	g.must("mknod", path("pipe"), unix.S_IFIFO|0o600, 0)
	if st := lstat("pipe"); st.Mode&unix.S_IFMT != unix.S_IFIFO {
		t.Errorf("mknod: mode %o", st.Mode)
	}
	g.must("truncate", path("other"), uint64(3))
	if st := lstat("other"); st.Size != 3 {
		t.Errorf("truncate: %d bytes", st.Size)
	}
	g.want(unix.EINVAL, g.callRow("truncate", path("other"), int64(-1)))
	g.want(unix.ENOTEMPTY, g.callRow("rmdir", path("folder")))
	g.must("unlink", path("folder/file"))
	g.want(unix.EISDIR, g.callRow("unlink", path("folder")))
	g.must("rmdir", path("folder"))
	missing("folder")
	g.must("access", path("other"), unix.R_OK)
	g.want(unix.ENOENT, g.callRow("access", path("folder"), unix.F_OK))
	g.want(unix.EINVAL, g.callRow("access", path("other"), 8))
	g.want(unix.ENOENT, g.callRow("faccessat", unix.AT_FDCWD, path("soft"), unix.F_OK, 0))
	g.must("faccessat", unix.AT_FDCWD, path("soft"), unix.F_OK, unix.AT_SYMLINK_NOFOLLOW)
	g.must("faccessat2", unix.AT_FDCWD, path("other"), unix.W_OK, unix.AT_EACCESS)
	g.want(unix.EINVAL, g.callRow("faccessat2", unix.AT_FDCWD, path("other"), unix.W_OK, 0x8000))

	d := int(g.must("open", g.string(dir), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
	closeLater(t, d)
	list := fmt.Sprint(g.list(d, 512))
	for _, name := range []string{"other", "soft", "pipe", ".", ".."} {
		if !strings.Contains(list, name) {
			t.Errorf("directory shows %s", list)
		}
	}
	g.must("lseek", d, int64(0), unix.SEEK_SET)
	g.want(unix.EINVAL, g.callRow("getdents64", d, buf, 10))
	g.want(unix.EFAULT, g.callRow("getdents64", d, guestHole, 512))
	if n := g.must("getdents", d, g.alloc(4096), 4096); n == 0 {
		t.Error("getdents reads nothing")
	}
	g.want(unix.ENOTDIR, func() int64 {
		f := int(g.must("open", path("other"), unix.O_RDONLY|unix.O_CLOEXEC, 0))
		closeLater(t, f)
		return g.callRow("getdents64", f, buf, 64)
	}())
}

func TestFileTimes(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := g.string(file)
	check := func(call string, atime, mtime unix.Timespec) {
		t.Helper()
		var st unix.Stat_t
		if err := unix.Stat(file, &st); err != nil {
			t.Fatal(err)
		}
		if st.Atim != atime || st.Mtim != mtime {
			t.Errorf("%s: %v and %v, want %v and %v", call, st.Atim, st.Mtim, atime, mtime)
		}
	}
	g.must("utime", path, g.longs(1000, 2000))
	check("utime", unix.Timespec{Sec: 1000}, unix.Timespec{Sec: 2000})
	g.must("utimes", path, g.longs(3000, 5, 4000, 999999))
	check("utimes", unix.Timespec{Sec: 3000, Nsec: 5000}, unix.Timespec{Sec: 4000, Nsec: 999999000})
	g.must("futimesat", unix.AT_FDCWD, path, g.longs(5, 0, 6, 0))
	check("futimesat", unix.Timespec{Sec: 5}, unix.Timespec{Sec: 6})
	g.must("utimensat", unix.AT_FDCWD, path, g.longs(7, unix.UTIME_OMIT, 8, 9), 0)
	check("utimensat", unix.Timespec{Sec: 5}, unix.Timespec{Sec: 8, Nsec: 9})
	g.want(unix.EINVAL, g.callRow("utimes", path, g.longs(1, 1000000, 1, 0)))
	g.want(unix.EINVAL, g.callRow("utimes", path, g.longs(1, 0, 1, 1<<63)))
	g.want(unix.EFAULT, g.callRow("utime", path, guestHole-8))
	g.want(unix.EFAULT, g.callRow("utimes", path, guestHole-16))
	g.want(unix.ENOENT, g.callRow("utimes", g.string("/nothing/here"), 0))
	var before, after unix.Stat_t
	unix.Stat(file, &before)
	g.must("utime", path, 0)
	unix.Stat(file, &after)
	if after.Mtim.Sec <= before.Mtim.Sec {
		t.Errorf("utime with no times: %v", after.Mtim)
	}
}

func TestExtendedAttributes(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path, name := g.string(file), g.string("user.test")
	if r := g.callRow("setxattr", path, name, g.string("value"), 5, 0); r == -int64(unix.EOPNOTSUPP) {
		t.Skip("no extended attributes here")
	} else if r != 0 {
		t.Fatalf("setxattr: %v", unix.Errno(-r))
	}
	buf := g.alloc(64)
	if n := g.must("getxattr", path, name, buf, 64); string(g.bytes(buf, int(n))) != "value" {
		t.Errorf("getxattr: %q", g.bytes(buf, int(n)))
	}
	if n := g.must("getxattr", path, name, 0, 0); n != 5 {
		t.Errorf("size of the attribute: %d", n)
	}
	g.want(unix.ERANGE, g.callRow("getxattr", path, name, buf, 3))
	if n := g.must("listxattr", path, buf, 64); string(g.bytes(buf, int(n))) != "user.test\x00" {
		t.Errorf("listxattr: %q", g.bytes(buf, int(n)))
	}
	g.must("lremovexattr", path, name)
	g.want(unix.ENODATA, g.callRow("lgetxattr", path, name, buf, 64))
}

func TestFileHandlesGoThroughTheGuard(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("contents"), 0o600); err != nil {
		t.Fatal(err)
	}
	handle := g.alloc(128 + 8)
	g.write(handle, []byte{128, 0, 0, 0})
	if r := g.callRow("name_to_handle_at", unix.AT_FDCWD, g.string(filepath.Join(dir, "file")), handle, g.alloc(4), 0); r != 0 {
		t.Skipf("name_to_handle_at: %v", unix.Errno(-r))
	}
	mount := int(g.must("open", g.string(dir), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	closeLater(t, mount)
	r := g.callRow("open_by_handle_at", mount, handle, unix.O_RDONLY|unix.O_CLOEXEC)
	if r == -int64(unix.EPERM) {
		t.Skip("needs privileges")
	}
	if r < 0 {
		t.Fatalf("open_by_handle_at: %v", unix.Errno(-r))
	}
	closeLater(t, int(r))
	buf := g.alloc(16)
	if n := g.must("read", int(r), buf, 16); string(g.bytes(buf, int(n))) != "contents" {
		t.Errorf("the file holds %q", g.bytes(buf, int(n)))
	}
}

func TestMiscellaneousFileCalls(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	fd := int(g.must("memfd_create", g.string("test"), unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING))
	closeLater(t, fd)
	g.must("fallocate", fd, 0, int64(0), int64(8192))
	g.must("ftruncate", fd, int64(4096))
	g.must("pwrite64", fd, g.string("text"), 4, int64(100))
	g.must("fadvise64", fd, int64(0), int64(0), unix.FADV_SEQUENTIAL)
	g.must("fadvise", fd, int64(0), int64(0), unix.FADV_NORMAL)
	copyTo := int(g.must("memfd_create", g.string("copy"), unix.MFD_CLOEXEC))
	closeLater(t, copyTo)
	from, to := g.longs(100), g.longs(7)
	if n := g.must("copy_file_range", fd, from, copyTo, to, 4, 0); n != 4 || g.long(from) != 104 || g.long(to) != 11 {
		t.Errorf("copy_file_range: %d bytes, offsets %d and %d", n, g.long(from), g.long(to))
	}
	buf := g.alloc(16)
	if n := g.must("pread64", copyTo, buf, 16, int64(0)); string(g.bytes(buf, int(n))) != "\x00\x00\x00\x00\x00\x00\x00text" {
		t.Errorf("copy is %q", g.bytes(buf, int(n)))
	}
	if pos := g.must("lseek", fd, int64(-96), unix.SEEK_END); pos != 4000 {
		t.Errorf("lseek to %d", pos)
	}
	g.must("fcntl", fd, unix.F_ADD_SEALS, uint64(unix.F_SEAL_WRITE))
	g.want(unix.EPERM, g.callRow("pwrite64", fd, buf, 4, int64(0)))
	g.want(unix.EBADF, g.callRow("copy_file_range", testReservedFD, 0, copyTo, 0, 4, 0))
	watch := int(g.must("inotify_init"))
	closeLater(t, watch)
	g.must("inotify_add_watch", watch, g.string(t.TempDir()), unix.IN_CREATE)
	if mask := g.must("umask", 0o22); mask < 0 {
		t.Errorf("umask %o", mask)
	} else {
		g.must("umask", mask)
	}
}
