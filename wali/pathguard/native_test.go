package pathguard

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel/kerneltest"
)

// native is a thread of this process that has a guard.
type native struct {
	*kerneltest.Caller
	views []Verdict
}

// The slots in tests.
const (
	testFirst = 700
	testCount = 6
)

func newThread(t testing.TB, g *Guard) (*Thread, *native) {
	t.Helper()
	n := &native{Caller: kerneltest.New(t)}
	return &Thread{Guard: g, Caller: n, Process: n}, n
}

func (n *native) OwnsFD(fd int32) bool            { return fd >= testFirst && fd < testFirst+testCount }
func (n *native) Slots() Slots                    { return Slots{First: testFirst, Count: testCount, Filler: 0} }
func (n *native) LendDescriptors() func()         { return func() {} }
func (n *native) ModulePath() string              { return "/module.wasm" }
func (n *native) HelperFile() (dev, inode uint64) { return 1, 1 }

func (n *native) Place(fd, slot int32) bool {
	return unix.Dup3(int(fd), int(slot), unix.O_CLOEXEC) == nil
}

func (n *native) OwnView(v Verdict, _ How) int64 {
	n.views = append(n.views, v)
	return errno(unix.ENODATA)
}

// walk is Walk for a path of a test.
func (n *native) walk(t *Thread, dirfd int32, path string, how How) int64 {
	b := n.Alloc(unix.PathMax)
	return t.Walk(dirfd, b[:copy(b, path)], how)
}

// openSlots counts the slots that are in use.
func openSlots() (count int) {
	for fd := testFirst; fd < testFirst+testCount; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			count++
		}
	}
	return count
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
