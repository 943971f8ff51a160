package wali

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/pathguard"
)

// inChild reports whether the test runs in a process of its own, which it may
// leave in any state. If not, it starts that process and reports its failure.
func inChild(t *testing.T) bool {
	t.Helper()
	const mark = "WALI_TEST_CHILD"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	// The child cannot remove what it has mounted something on.
	cmd.Env = append(os.Environ(), mark+"="+t.Name(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	} else if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skipf("%s", out)
	}
	return false
}

// withHelper makes the test binary the helper's executable.
func (g *guest) withHelper(module string) {
	g.t.Helper()
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &st); err != nil {
		g.t.Fatal(err)
	}
	g.HelperDev, g.HelperIno, g.Module = st.Dev, st.Ino, module
}

// openDescriptors lists the descriptors of this process that a guest could have
// got.
func openDescriptors(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil {
			open = append(open, e.Name()+" -> "+target)
		}
	}
	return open
}

func TestMemoryOfProcessesCannotBeOpened(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	dir := t.TempDir()
	pid, tid := os.Getpid(), unix.Gettid()
	link := func(name, target string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open := func(path string, flags int) int {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		closeLater(t, fd)
		return fd
	}
	procSelf := open("/proc/self", unix.O_RDONLY|unix.O_DIRECTORY)
	procSelfPath := open("/proc/self", unix.O_PATH)
	tasks := open("/proc/self/task", unix.O_RDONLY)
	held := open("/proc/self/mem", unix.O_PATH)
	cases := []struct {
		dirfd int
		path  string
	}{
		{unix.AT_FDCWD, "/proc/self/mem"},
		{unix.AT_FDCWD, "/proc/thread-self/mem"},
		{unix.AT_FDCWD, fmt.Sprintf("/proc/%d/mem", pid)},
		{unix.AT_FDCWD, fmt.Sprintf("/proc/%d/task/%d/mem", pid, tid)},
		{unix.AT_FDCWD, fmt.Sprintf("/proc/%d/mem", tid)},
		{unix.AT_FDCWD, fmt.Sprintf("/proc/%d/mem", os.Getppid())},
		{unix.AT_FDCWD, "//proc///self//.//mem"},
		{unix.AT_FDCWD, "/proc/self/task/../mem"},
		{unix.AT_FDCWD, "/proc/self/root/proc/self/mem"},
		{unix.AT_FDCWD, "/tmp/../proc/self/mem"},
		{unix.AT_FDCWD, link("direct", "/proc/self/mem")},
		{unix.AT_FDCWD, link("second", "direct")},
		{unix.AT_FDCWD, filepath.Join(link("folder", "/proc/self"), "mem")},
		{unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", held)},
		{unix.AT_FDCWD, fmt.Sprintf("/dev/fd/%d", held)},
		{unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d/mem", procSelf)},
		{procSelf, "mem"},
		{procSelf, "./task/../mem"},
		{procSelfPath, "mem"},
		{tasks, fmt.Sprintf("%d/mem", tid)},
		{unix.AT_FDCWD, "/proc/self/pagemap"},
		{unix.AT_FDCWD, "/proc/self/map_files"},
		{unix.AT_FDCWD, "/proc/self/syscall"},
		{unix.AT_FDCWD, "/proc/self/stack"},
	}
	for _, c := range cases {
		for _, flags := range []int{unix.O_RDONLY, unix.O_RDWR, unix.O_WRONLY, unix.O_PATH, unix.O_RDWR | unix.O_CREAT, unix.O_RDONLY | unix.O_NONBLOCK} {
			path := g.string(c.path)
			how := g.longs(uint64(flags|unix.O_CLOEXEC), 0, 0)
			results := map[string]int64{
				"openat":  g.callRow("openat", c.dirfd, path, flags|unix.O_CLOEXEC, 0),
				"openat2": g.callRow("openat2", c.dirfd, path, how, 24),
			}
			if c.dirfd == unix.AT_FDCWD {
				results["open"] = g.callRow("open", path, flags|unix.O_CLOEXEC, 0)
			}
			for call, r := range results {
				// Other errors are the kernel's own: opening a directory for
				// writing, creating with a mode where none is wanted.
				e := unix.Errno(-r)
				native, err := unix.Openat(c.dirfd, c.path, flags|unix.O_CLOEXEC, 0)
				if err == nil {
					unix.Close(native)
				}
				if r >= 0 {
					unix.Close(int(r))
				}
				if r >= 0 || e != unix.EACCES && !errors.Is(err, e) {
					t.Errorf("%s of %d %s with flags %#x: %d (%v)", call, c.dirfd, c.path, flags, r, e)
				}
			}
		}
	}
	for _, open := range openDescriptors(t) {
		if strings.HasSuffix(open, "/mem") && !strings.HasPrefix(open, strconv.Itoa(held)+" ") {
			t.Errorf("left open: %s", open)
		}
	}
}

// TestNativeMemoryDescriptorExists makes sure that the refusals above are ours.
func TestNativeMemoryDescriptorExists(t *testing.T) {
	t.Parallel()
	f, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("the kernel refuses by itself: %v", err)
	}
	f.Close()
}

func TestHarmlessFilesOfProcfsCanBeOpened(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	for _, path := range []string{
		"/proc", "/proc/self", "/proc/self/maps", "/proc/self/smaps", "/proc/self/status", "/proc/self/stat",
		"/proc/self/cmdline", "/proc/self/environ", "/proc/self/comm", "/proc/self/limits", "/proc/self/fd",
		"/proc/self/fdinfo", "/proc/self/task", "/proc/self/mounts", "/proc/self/oom_score_adj", "/proc/self/ns/mnt",
		"/proc/self/root", "/proc/self/cwd", "/proc/meminfo", "/proc/cpuinfo", "/proc/sys/kernel/ostype",
		"/proc/uptime", "/proc/self/net/dev", "/dev/null", "/dev/zero", "/dev/fd",
	} {
		fd := g.callRow("open", g.string(path), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if fd < 0 {
			t.Errorf("%s: %v", path, unix.Errno(-fd))
			continue
		}
		unix.Close(int(fd))
	}
}

func TestDevicesOfAllMemoryCannotBeOpened(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	node := filepath.Join(t.TempDir(), "memory")
	if err := unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 1))); err != nil {
		t.Skipf("mknod: %v", err)
	}
	if native, err := unix.Open(node, unix.O_RDONLY, 0); err == nil {
		unix.Close(native)
		g.want(unix.EACCES, g.callRow("open", g.string(node), unix.O_RDONLY, 0))
	}
}

// inOwnMounts gives the process a mount namespace of its own.
func inOwnMounts(t *testing.T) {
	t.Helper()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		t.Skipf("unshare: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skipf("make mounts private: %v", err)
	}
}

func TestMemoryCannotBeOpenedThroughMounts(t *testing.T) {
	if !inChild(t) {
		return
	}
	// Namespaces belong to threads; the test's goroutine stays on this one,
	// which ends with it.
	lockThread(t)
	inOwnMounts(t)
	g := newGuest(t)
	dir := t.TempDir()
	file, folder, procfs := filepath.Join(dir, "status"), filepath.Join(dir, "folder"), filepath.Join(dir, "p")
	for _, d := range []string{folder, procfs} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	memory := fmt.Sprintf("/proc/%d/mem", os.Getpid())
	g.want(unix.EACCES, g.callRow("mount", g.string(memory), g.string(file), 0, uint64(unix.MS_BIND), 0))
	if err := unix.Mount(memory, file, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	g.must("mount", g.string(fmt.Sprintf("/proc/%d", os.Getpid())), g.string(folder), 0, uint64(unix.MS_BIND), 0)
	g.must("mount", g.string("proc"), g.string(procfs), g.string("proc"), uint64(0), 0)
	paths := []string{file, folder + "/mem", procfs + "/self/mem", "/proc/self/mem"}
	check := func(when string, paths []string) {
		t.Helper()
		for _, path := range paths {
			if fd, err := unix.Open(path, unix.O_RDWR, 0); err != nil {
				t.Errorf("%s, natively, %s: %v", when, path, err)
			} else {
				unix.Close(fd)
			}
			if r := g.callRow("open", g.string(path), unix.O_RDWR, 0); r != -int64(unix.EACCES) {
				t.Errorf("%s, %s: %d", when, path, r)
			}
		}
	}
	check("with bind mounts", paths)
	// Links in a directory that goes by another name.
	slot := reservedDescriptor(t)
	for _, link := range []string{fmt.Sprintf("/fd/%d", slot), "/exe", "/map_files/" + firstMapped(t)} {
		for _, call := range []int64{
			g.callRow("open", g.string(folder+link), unix.O_RDWR, 0),
			g.callRow("open", g.string(folder+link), unix.O_PATH, 0),
			g.callRow("chmod", g.string(folder+link), 0o777),
		} {
			g.want(unix.EACCES, call)
		}
		g.want(unix.EACCES, g.callRow("openat", unix.AT_FDCWD, g.string("/proc/self/map_files/"+firstMapped(t)), unix.O_RDONLY, 0))
	}
	if fd := g.must("open", g.string(procfs+"/self/status"), unix.O_RDONLY, 0); fd < 0 {
		t.Error("a second procfs is of no use")
	}

	tree := g.callRow("open_tree", unix.AT_FDCWD, g.string(fmt.Sprintf("/proc/%d/mem", os.Getpid())), unix.OPEN_TREE_CLONE)
	g.want(unix.EACCES, tree)

	// A /proc that the guest made up does not fool the guard.
	g.must("mount", g.string("none"), g.string("/proc"), g.string("tmpfs"), uint64(0), 0)
	check("behind a false /proc", []string{procfs + "/self/mem", file})

	g.must("chroot", g.string(dir))
	check("in another root", []string{"/status", "/folder/mem", "/p/self/mem"})
	g.must("mkdir", g.string("/t"), 0o755)
	g.must("mount", g.string("none"), g.string("/t"), g.string("tmpfs"), uint64(0), 0)
	for _, dir := range []string{"/", "/t"} { // without a procfs to look names up in
		unnamed := g.must("open", g.string(dir), unix.O_RDWR|unix.O_TMPFILE, 0o600)
		g.must("close", unnamed)
	}
	g.must("mkdir", g.string("/proc"), 0o755)
	g.must("mount", g.string("proc"), g.string("/proc"), g.string("proc"), uint64(0), 0)
	check("with a procfs in it", []string{"/status", "/folder/mem", "/p/self/mem", "/proc/self/mem"})
}

// firstMapped is the name in map_files of the first mapping of a file.
func firstMapped(t *testing.T) string {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	addresses, _, _ := strings.Cut(string(maps), " ")
	from, to, _ := strings.Cut(addresses, "-")
	return strings.TrimLeft(from, "0") + "-" + strings.TrimLeft(to, "0")
}

// TestMountsOverProcfsFoolNobody mounts a directory of false links over the one by
// which the guard learns what a descriptor is.
func TestMountsOverProcfsFoolNobody(t *testing.T) {
	if !inChild(t) {
		return
	}
	lockThread(t)
	inOwnMounts(t)
	g := newGuest(t)
	dir := t.TempDir()
	for fd := range 64 {
		if err := os.Symlink("/harmless", filepath.Join(dir, strconv.Itoa(fd))); err != nil {
			t.Fatal(err)
		}
	}
	for _, fds := range []string{fmt.Sprintf("/proc/%d/fd", os.Getpid()), fmt.Sprintf("/proc/%d/task/%d/fd", os.Getpid(), unix.Gettid())} {
		g.must("mount", g.string(dir), g.string(fds), 0, uint64(unix.MS_BIND), 0)
	}
	if link, err := os.Readlink("/proc/thread-self/fd/60"); err != nil || link != "/harmless" {
		t.Fatalf("the mount does not show: %q, %v", link, err)
	}
	g.want(unix.EACCES, g.callRow("open", g.string("/proc/self/mem"), unix.O_RDWR, 0))
}

func TestGuardWithoutDescriptorsToSpare(t *testing.T) {
	if !inChild(t) {
		return
	}
	lockThread(t)
	g := newGuest(t)
	memfd, err := unix.MemfdCreate("walisup-test", 0)
	if err != nil {
		t.Fatal(err)
	}
	g.must("open", g.string("/proc/self/status"), unix.O_RDONLY, 0) // the guard has looked at /proc
	next := g.must("fcntl", 0, unix.F_DUPFD, uint64(0))
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next) + 1, Max: 4096}, nil); err != nil {
		t.Fatal(err)
	}
	g.must("close", next)
	for path, want := range map[string]unix.Errno{
		"/proc/self/mem":                        unix.EACCES,
		fmt.Sprintf("/proc//self/fd/%d", memfd): unix.ENOENT,
		"/dev/null":                             0,
		"/":                                     0,
	} {
		r := g.callRow("open", g.string(path), unix.O_RDONLY, 0)
		if r >= 0 {
			g.must("close", r)
		}
		if min(r, 0) != -int64(want) {
			t.Errorf("%s: %d, want %v", path, r, want)
		}
	}
}

func TestHelpersDescriptorsDoNotExistByName(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	name := "walisup-test"
	memfd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, memfd)
	slot, err := unix.FcntlInt(uintptr(memfd), unix.F_DUPFD_CLOEXEC, testReservedFD)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, slot)
	if slot >= testReservedFD+ReservedFDs {
		t.Fatalf("no free slot: %d", slot)
	}
	fds, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, fds)
	buf := g.alloc(4096)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(fmt.Sprintf("/proc/self/fd/%d", slot), link); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"/proc/self/fd/%d", "/dev/fd/%d", "/proc/thread-self/fd/%d", "/proc/self/fdinfo/%d",
		fmt.Sprintf("/proc/%d/fd/%%d", os.Getpid()), fmt.Sprintf("/proc/self/task/%d/fd/%%d", unix.Gettid())} {
		path := g.string(fmt.Sprintf(format, slot))
		g.want(unix.ENOENT, g.callRow("open", path, unix.O_RDONLY, 0))
		g.want(unix.ENOENT, g.callRow("openat", unix.AT_FDCWD, path, unix.O_PATH, 0))
		g.want(unix.ENOENT, g.callRow("openat2", unix.AT_FDCWD, path, g.longs(0, 0, 0), 24))
		g.want(unix.ENOENT, g.callRow("readlink", path, buf, 4096))
		g.want(unix.ENOENT, g.callRow("stat", path, buf))
		g.want(unix.ENOENT, g.callRow("lstat", path, buf))
		g.want(unix.ENOENT, g.callRow("statx", unix.AT_FDCWD, path, 0, unix.STATX_ALL, buf))
		g.want(unix.ENOENT, g.callRow("access", path, unix.F_OK))
	}
	// Spelled otherwise, the file itself is known.
	for _, c := range []struct {
		dirfd int
		path  string
	}{{fds, strconv.Itoa(slot)}, {unix.AT_FDCWD, link}, {unix.AT_FDCWD, fmt.Sprintf("/proc//self/fd/%d", slot)}} {
		g.want(unix.ENOENT, g.callRow("openat", c.dirfd, g.string(c.path), unix.O_RDWR, 0))
	}

	// Descriptors of the guest have the same names.
	own := int(g.must("openat", unix.AT_FDCWD, g.string("/dev/null"), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	closeLater(t, own)
	again := int(g.must("open", g.string(fmt.Sprintf("/proc/self/fd/%d", own)), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	closeLater(t, again)
	n := g.must("readlink", g.string(fmt.Sprintf("/dev/fd/%d", own)), buf, 4096)
	if got := string(g.bytes(buf, int(n))); got != "/dev/null" {
		t.Errorf("readlink of /dev/fd/%d: %q", own, got)
	}
}

func TestListingOfDescriptorsLeavesOutTheHelpers(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	slot := reservedDescriptor(t)
	for _, path := range []string{"/proc/self/fd", "/proc/self/fdinfo", fmt.Sprintf("/proc/%d/fd", os.Getpid()), "/proc/thread-self/fd"} {
		for _, size := range []int{32 << 10, 200, 48} {
			fd := int(g.must("open", g.string(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
			names := g.list(fd, size)
			if slices.Contains(names, strconv.Itoa(slot)) {
				t.Errorf("%s shows %d with a buffer of %d bytes", path, slot, size)
			}
			if !slices.Contains(names, "0") || !slices.Contains(names, strconv.Itoa(fd)) || !slices.Contains(names, ".") {
				t.Errorf("%s with a buffer of %d bytes shows only %v", path, size, names)
			}
			unix.Close(fd)
		}
	}
	// The same number elsewhere is just a name.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(slot)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fd := int(g.must("open", g.string(dir), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	closeLater(t, fd)
	if names := g.list(fd, 4096); !slices.Contains(names, strconv.Itoa(slot)) {
		t.Errorf("%s shows %v", dir, names)
	}
}

// list reads a directory by getdents64.
func (g *guest) list(fd, size int) []string {
	g.t.Helper()
	buf := g.alloc(size)
	var names []string
	for {
		n := int(g.must("getdents64", fd, buf, size))
		if n == 0 {
			return names
		}
		for b := g.bytes(buf, n); len(b) > 0; {
			length := int(b[16]) | int(b[17])<<8
			name, _, _ := bytes.Cut(b[19:length], []byte{0})
			names = append(names, string(name))
			b = b[length:]
		}
	}
}

func TestExecutableIsTheModule(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	dir := t.TempDir()
	module := filepath.Join(dir, "app.wasm")
	if err := os.WriteFile(module, []byte("\x00asm module"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.withHelper(module)
	var want unix.Stat_t
	if err := unix.Stat(module, &want); err != nil {
		t.Fatal(err)
	}
	buf := g.alloc(4096)
	procSelf := int(g.must("open", g.string("/proc/self"), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	closeLater(t, procSelf)
	for _, c := range []struct {
		dirfd int
		path  string
	}{
		{unix.AT_FDCWD, "/proc/self/exe"},
		{unix.AT_FDCWD, "/proc/thread-self/exe"},
		{unix.AT_FDCWD, fmt.Sprintf("/proc/%d/exe", os.Getpid())},
		{unix.AT_FDCWD, fmt.Sprintf("/proc/self/task/%d/exe", unix.Gettid())},
		{procSelf, "exe"},
	} {
		path := g.string(c.path)
		n := g.must("readlinkat", c.dirfd, path, buf, 4096)
		if got := string(g.bytes(buf, int(n))); got != module {
			t.Errorf("readlink of %s: %q", c.path, got)
		}
		if n := g.must("readlinkat", c.dirfd, path, buf, 5); n != 5 || string(g.bytes(buf, 5)) != module[:5] {
			t.Errorf("readlink of %s into 5 bytes: %d, %q", c.path, n, g.bytes(buf, 5))
		}
		fd := int(g.must("openat", c.dirfd, path, unix.O_RDONLY|unix.O_CLOEXEC, 0))
		n = g.must("read", fd, buf, 4096)
		if got := string(g.bytes(buf, int(n))); got != "\x00asm module" {
			t.Errorf("contents of %s: %q", c.path, got)
		}
		unix.Close(fd)
		g.must("newfstatat", c.dirfd, path, buf, 0)
		if ino := g.long(buf + guestStatIno); ino != want.Ino {
			t.Errorf("stat of %s: inode %d, want %d", c.path, ino, want.Ino)
		}
		g.must("statx", c.dirfd, path, 0, unix.STATX_BASIC_STATS, buf)
		if ino := g.long(buf + pathguard.StatxInode); ino != want.Ino {
			t.Errorf("statx of %s: inode %d, want %d", c.path, ino, want.Ino)
		}
		g.must("faccessat", c.dirfd, path, unix.X_OK, 0)
		linkFD := int(g.must("openat", c.dirfd, path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0))
		n = g.must("readlinkat", linkFD, g.string(""), buf, 4096)
		if got := string(g.bytes(buf, int(n))); got != module {
			t.Errorf("readlink of a descriptor of %s: %q", c.path, got)
		}
		unix.Close(linkFD)
		g.want(unix.ELOOP, g.callRow("openat", c.dirfd, path, unix.O_NOFOLLOW, 0))
		if r := g.callRow("openat", c.dirfd, path, unix.O_WRONLY, 0); r >= 0 {
			t.Errorf("%s opened for writing", c.path)
		}
	}
	// The helper under its own name is an ordinary file.
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	g.must("stat", g.string(exe), buf)
	if ino := g.long(buf + guestStatIno); ino != g.HelperIno {
		t.Errorf("stat of the helper's file: inode %d", ino)
	}
}

func BenchmarkOpenClose(b *testing.B) {
	path := filepath.Join(b.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	b.Run("native", func(b *testing.B) {
		g := newGuest(b)
		p := g.Memory.Host(g.string(path))
		for b.Loop() {
			fd := g.call(unix.SYS_OPENAT, atFDCWD, p, 0, 0, 0, 0)
			g.call(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0)
		}
	})
	b.Run("guest", func(b *testing.B) {
		g := newGuest(b)
		openat, _ := bindRow(b, "openat")
		closeRow, _ := bindRow(b, "close")
		p := uint64(g.string(path))
		var stack [4]uint64
		b.ReportAllocs()
		for b.Loop() {
			stack = [4]uint64{^uint64(99), p, 0, 0}
			openat(g.Thread, stack[:])
			closeRow(g.Thread, stack[:])
		}
	})
}

// lockThread keeps the test on its thread, which is thrown away afterwards.
func lockThread(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
}

func TestFanotifyDoesNotOpenProcfs(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	fd := g.callRow("fanotify_init", unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC, unix.O_RDWR)
	if fd < 0 {
		t.Skipf("fanotify_init: %v", unix.Errno(-fd))
	}
	closeLater(t, int(fd))
	proc := int(g.must("open", g.string("/proc"), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	closeLater(t, proc)
	mask := uint64(unix.FAN_OPEN)
	for _, c := range []struct {
		dirfd int
		path  uint32
	}{{unix.AT_FDCWD, g.string("/proc")}, {unix.AT_FDCWD, g.string("/proc/self/mem")}, {proc, g.string("self/status")}, {proc, 0}} {
		g.want(unix.EACCES, g.callRow("fanotify_mark", int(fd), unix.FAN_MARK_ADD|unix.FAN_MARK_MOUNT, mask, c.dirfd, c.path))
	}
	dir := g.string(t.TempDir())
	g.must("fanotify_mark", int(fd), unix.FAN_MARK_ADD, mask, unix.AT_FDCWD, dir)
	g.must("fanotify_mark", int(fd), unix.FAN_MARK_REMOVE, mask, unix.AT_FDCWD, dir)
	g.want(unix.ENOENT, g.callRow("fanotify_mark", int(fd), unix.FAN_MARK_ADD, mask, unix.AT_FDCWD, g.string("/nothing")))
}
