package ipc

import (
	"errors"
	"reflect"
	"testing"
)

func TestConfinementText(t *testing.T) {
	t.Parallel()
	for _, want := range []Confinement{
		NoConfinement(),
		{Umask: 0o27, UID: 0, GID: -1},
		{Umask: -1, UID: 65534, GID: 65533, SetGroups: true},
		{Umask: -1, UID: -1, GID: 5, Groups: []int{1, 1<<32 - 2}, SetGroups: true, Root: "/a \"b\"\nc", Dir: "/",
			Limits: []Limit{{Set: true, Resource: 7, Soft: 1, Hard: 1<<64 - 1}}},
		{Umask: -1, UID: -1, GID: -1, Sandbox: &Sandbox{}},
		{Umask: -1, UID: -1, GID: -1, Seccomp: "/a \"b\"", Filters: [][]byte{make([]byte, 8), make([]byte, MaxFilter*8)}, Sandbox: &Sandbox{
			Read: []string{"/", "/b\nc"}, Write: []string{"/d"}, Connect: []uint16{0, 65535}, Listen: []uint16{80}, Net: true}},
	} {
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got Confinement
		if err := got.UnmarshalText(text); err != nil {
			t.Errorf("%+v: %v", want, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestBadConfinement(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\n", "nonsense 1", "uid", "uid -1", "uid 4294967295", "uid 5 6", "umask x", "groups 1 x",
		"limit 1 2", "limit 1 2 3 4", "limit 1 2 -3", "limit 9999999999 2 3", "root relative", `root "relative"`, `root "/a\x00"`, `root "/a`, "dir",
		"sandbox 1", "sandbox\nsandbox", `read "/"`, "net", "sandbox\nnet 1", "sandbox\nread relative", `sandbox` + "\n" + `write "a"`,
		"sandbox\nconnect 65536", "sandbox\nlisten -1", "sandbox\nlisten", "seccomp default", "filter", "filter AAAA", "filter !", "filter AAAAAAAAAAA"} {
		var c Confinement
		if err := c.UnmarshalText([]byte(text)); !errors.Is(err, ErrConfinement) {
			t.Errorf("%q: %v, want an error of kind %q", text, err, ErrConfinement)
		}
	}
}

// Whatever a record says, what is read from it is what is written of it again.
func FuzzConfinement(f *testing.F) {
	full := Confinement{Umask: 7, UID: 1, GID: 2, SetGroups: true, Groups: []int{3}, Root: "/r", Dir: "/d",
		Limits: []Limit{{Set: true, Resource: 7, Soft: 1, Hard: 2}}, Seccomp: "default", Filters: [][]byte{make([]byte, 16)},
		Sandbox: &Sandbox{Read: []string{"/a"}, Write: []string{"/b"}, Connect: []uint16{1}, Listen: []uint16{2}, Net: true}}
	text, err := full.MarshalText()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, again Confinement
		if err := got.UnmarshalText(text); err != nil {
			if !errors.Is(err, ErrConfinement) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		written, err := got.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalText(written); err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		if !reflect.DeepEqual(got, again) {
			t.Errorf("%+v became %+v", got, again)
		}
	})
}

func TestIsolates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		c    Confinement
		want bool
	}{
		{NoConfinement(), false},
		{Confinement{Umask: 0o77, UID: -1, GID: 5}, false},
		{Confinement{Umask: -1, UID: 1000, GID: -1}, false}, // himself
		{Confinement{Umask: -1, UID: 1001, GID: -1}, true},
		{Confinement{Umask: -1, UID: 0, GID: -1}, true},
		{Confinement{Umask: -1, UID: -1, GID: -1, Root: "/srv"}, true},
		{Confinement{Umask: -1, UID: -1, GID: -1, Sandbox: new(Sandbox)}, true},
		{Confinement{Umask: -1, UID: -1, GID: -1, Seccomp: "default"}, false},
	} {
		if got := test.c.Isolates(1000); got != test.want {
			t.Errorf("%+v: %v, want %v", test.c, got, test.want)
		}
	}
}
