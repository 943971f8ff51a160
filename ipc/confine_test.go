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
		"limit 1 2", "limit 1 2 3 4", "limit 1 2 -3", "limit 9999999999 2 3", "root relative", `root "relative"`, `root "/a\x00"`, `root "/a`, "dir"} {
		var c Confinement
		if err := c.UnmarshalText([]byte(text)); !errors.Is(err, ErrConfinement) {
			t.Errorf("%q: %v, want an error of kind %q", text, err, ErrConfinement)
		}
	}
}
