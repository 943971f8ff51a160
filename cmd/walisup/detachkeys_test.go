//go:build linux && amd64

package main

import "testing"

func TestDetachKeys(t *testing.T) {
	t.Parallel()
	cases := []struct {
		keys   string
		typed  []string
		pass   string
		detach bool
	}{
		{"ctrl-p,ctrl-q", []string{"ls\r"}, "ls\r", false},
		{"ctrl-p,ctrl-q", []string{"a\x10\x11b"}, "a", true},
		{"ctrl-p,ctrl-q", []string{"a\x10", "\x11"}, "a", true},
		{"ctrl-p,ctrl-q", []string{"\x10", "x"}, "\x10x", false},
		{"ctrl-p,ctrl-q", []string{"\x10\x10\x11"}, "\x10", true},
		{"a,a,b", []string{"aa", "ab"}, "a", true},
		{"a,b,a,c", []string{"ababac"}, "ab", true},
		{"ctrl-@", []string{"\x00"}, "", true},
		{"", []string{"\x10\x11"}, "\x10\x11", false},
	}
	for _, c := range cases {
		var keys keysFlag
		if err := keys.Set(c.keys); err != nil {
			t.Fatal(err)
		}
		if keys.String() != c.keys {
			t.Errorf("%q reads as %q", c.keys, keys.String())
		}
		watch := keyWatch{keys: keys}
		pass, detach := "", false
		for _, part := range c.typed {
			var some []byte
			some, detach = watch.typed([]byte(part))
			pass += string(some)
		}
		if pass != c.pass || detach != c.detach {
			t.Errorf("%q typed, keys %s: %q is passed on, detached %v, want %q, %v", c.typed, c.keys, pass, detach, c.pass, c.detach)
		}
	}
	for _, bad := range []string{"ctrl-", "ctrl-pp", "ab", "a,,b", "ctrl-1"} {
		if err := new(keysFlag).Set(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
