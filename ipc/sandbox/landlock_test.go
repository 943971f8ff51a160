package sandbox

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLacks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		abi  int
		e    unix.Errno
		says string
	}{
		{0, unix.ENOSYS, "Linux 6.12"},
		{0, unix.EOPNOTSUPP, "lsm="},
		{1, 0, "has Landlock 1"},
		{5, 0, "Linux 6.12"},
		{0, unix.EIO, "input/output"},
	} {
		if err := judgeABI(test.abi, test.e); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v", test, err)
		}
	}
	for _, abi := range []int{6, 7, 50} {
		if err := judgeABI(abi, 0); err != nil {
			t.Errorf("Landlock %d: %v", abi, err)
		}
	}
}
