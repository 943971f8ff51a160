package ipc

import (
	"errors"
	"math"
	"strconv"
	"testing"
)

func TestFirstReserved(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name        string
		files, hard uint64
		want        int
	}{
		{"usual", DefaultFiles, 1 << 20, DefaultFiles},
		{"hard limit in the way", DefaultFiles, 512, 488},
		{"hard limit just in the way", 1024, 1047, 1023},
		{"hard limit just high enough", 1024, 1048, 1024},
		{"too many", 1 << 30, 1 << 30, 65512},
		{"all", math.MaxUint64, math.MaxUint64, 65512},
		{"tiny hard limit", DefaultFiles, 8, 64},
		{"no hard limit", DefaultFiles, 0, 64},
		{"too few", 3, 1024, 64},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := FirstReserved(c.files, c.hard); got != c.want {
				t.Errorf("FirstReserved(%d, %d) = %d, want %d", c.files, c.hard, got, c.want)
			}
		})
	}
}

func TestExecPathRoundTrip(t *testing.T) {
	t.Parallel()
	for _, n := range []int{lowestReserved, 1008, MaxFiles} {
		got, err := ParseExecPath(ExecPath(n))
		if err != nil || got != n {
			t.Errorf("ParseExecPath(ExecPath(%d)) = %d, %v", n, got, err)
		}
		path := "/dev/fd/" + strconv.Itoa(n)
		if got, err := ParseExecPath(path); err != nil || got != n {
			t.Errorf("ParseExecPath(%q) = %d, %v", path, got, err)
		}
	}
	for _, path := range []string{
		"", "/usr/bin/walisup-helper", "/dev/fd/3", "/dev/fd/01008", "/proc/self/fd/", "/proc/self/fd/-1", "/proc/self/fd/3",
		"/proc/self/fd/1008/", "/proc/self/fd/0x400", "/proc/self/fd/+1024", "1024", "/proc/self/fd/99999999999999999999", "proc/self/fd/1008",
	} {
		if n, err := ParseExecPath(path); !errors.Is(err, ErrExecPath) {
			t.Errorf("ParseExecPath(%q) = %d, %v, want ErrExecPath", path, n, err)
		}
	}
}

func TestSpareReserved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first int
		hard  uint64
		want  int
	}{
		{1024, 20000, 19976},
		{1024, 1 << 20, 1<<20 - 24},
		{1024, ^uint64(0), 1<<20 - 24},
		{1024, 1072, 1048},
		{1024, 1071, 1024}, // the two would overlap
		{1008, 1024, 1008},
		{MaxFiles, 1 << 17, 1<<17 - 24},
	} {
		if got := SpareReserved(c.first, c.hard); got != c.want {
			t.Errorf("first %d, hard limit %d: %d, want %d", c.first, c.hard, got, c.want)
		}
		if got, err := ParseExecPath(ExecPath(c.want)); got != c.want || err != nil {
			t.Errorf("path of %d: %d, %v", c.want, got, err)
		}
	}
}
