package procpath

import "testing"

func TestDescriptor(t *testing.T) {
	t.Parallel()
	const pid = 12
	for path, want := range map[string]int32{
		"/dev/fd/7":                 7,
		"/dev/fd/7/x":               7,
		"/proc/self/fd/7":           7,
		"/proc/thread-self/fd/7":    7,
		"/proc/12/fd/7":             7,
		"/proc/12/task/13/fd/7":     7,
		"/proc/self/fdinfo/7":       7,
		"/proc/13/fd/7":             -1,
		"/proc/self/fd/":            -1,
		"/proc/self/fd":             -1,
		"/proc/self/fd/x":           -1,
		"/proc/self/fds/7":          -1,
		"/proc/self/task":           -1,
		"/proc/self/task/13":        -1,
		"/proc/":                    -1,
		"/dev/fd/":                  -1,
		"":                          -1,
		"/proc/self/fd/99999999999": -1,
	} {
		fd, ok := Descriptor([]byte(path), pid)
		if ok != (want >= 0) || ok && fd != want {
			t.Errorf("%q: %d, %v", path, fd, ok)
		}
	}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct {
		pid  int
		name string
	}{
		"/proc/12/exe":         {12, "exe"},
		"/proc/12/task/13/exe": {12, "exe"},
		"/p/q/12/fd":           {12, "fd"},
		"/12/fd":               {12, "fd"},
		"/proc/meminfo":        {0, ""},
		"/proc/sys/kernel/x":   {0, ""},
		"/":                    {0, ""},
		"":                     {0, ""},
	} {
		if pid, name := Owner([]byte(path)); pid != want.pid || name != want.name {
			t.Errorf("%q: %d %q", path, pid, name)
		}
	}
}
