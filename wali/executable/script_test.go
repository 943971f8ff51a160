package executable

import (
	"strings"
	"testing"
)

func TestParseScript(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	cases := []struct {
		name, head string
		want       interpreter
		ok         bool
	}{
		{"plain", "#!/bin/sh\n", interpreter{path: "/bin/sh"}, true},
		{"blanks around", "#! \t/bin/sh \t\n", interpreter{path: "/bin/sh"}, true},
		{"argument", "#!/bin/sh -e\n", interpreter{"/bin/sh", "-e", true}, true},
		{"one argument only", "#!/bin/sh -e -x  y \nz", interpreter{"/bin/sh", "-e -x  y", true}, true},
		{"tab", "#!/bin/sh\t-e\n", interpreter{"/bin/sh", "-e", true}, true},
		{"no newline", "#!/bin/sh", interpreter{path: "/bin/sh"}, true},
		{"no newline, argument", "#!/bin/sh -e", interpreter{"/bin/sh", "-e", true}, true},
		{"carriage return belongs to the name", "#!/bin/sh\r\n", interpreter{path: "/bin/sh\r"}, true},
		{"NUL ends the name", "#!/bin/sh\x00 -e\n", interpreter{path: "/bin/sh"}, true},
		{"NUL ends the argument", "#!/bin/sh -e\x00f\n", interpreter{"/bin/sh", "-e", true}, true},
		{"long argument is cut", "#!/bin/sh " + long + "\n", interpreter{"/bin/sh", long[:255-len("#!/bin/sh ")], true}, true},
		{"long name", "#!/" + long + "\n", interpreter{}, false},
		{"newline last in the buffer", "#!/" + long[:255-3] + "\n", interpreter{path: "/" + long[:255-3]}, true},
		{"newline behind the buffer", "#!/" + long[:256-3] + "\n", interpreter{}, false},
		{"longest name", "#!/" + long[:254-3] + " \n", interpreter{path: "/" + long[:254-3]}, true},
		{"empty", "#!\n", interpreter{}, false},
		{"blanks only", "#!   \t\n", interpreter{}, false},
		{"nothing else", "#!", interpreter{}, true},
		{"no script", "# !/bin/sh\n", interpreter{}, false},
		{"one byte", "#", interpreter{}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, ok := parseScript([]byte(c.head))
			if ok != c.ok || ok && got != c.want {
				t.Errorf("parseScript(%q) = %+v, %v, want %+v, %v", c.head, got, ok, c.want, c.ok)
			}
		})
	}
}

func FuzzParseScript(f *testing.F) {
	f.Add([]byte("#!/bin/sh -e\n"))
	f.Add([]byte("#!" + strings.Repeat(" ", 300)))
	f.Fuzz(func(t *testing.T, head []byte) {
		in, ok := parseScript(head)
		if !ok {
			return
		}
		if strings.ContainsAny(in.path, " \t\n\x00") || strings.ContainsAny(in.arg, "\n\x00") || in.has != (in.arg != "") {
			t.Errorf("parseScript(%q) = %+v", head, in)
		}
	})
}
