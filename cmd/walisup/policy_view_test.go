//go:build linux && amd64

package main

import (
	"encoding/json"
	"testing"

	"walisup/ipc"
)

func TestPolicyView(t *testing.T) {
	t.Parallel()
	c := ipc.NoConfinement()
	c.Sandbox = &ipc.Sandbox{Read: []string{"/a"}, Listen: []uint16{80}}
	c.Seccomp, c.Filters, c.Root = "default", [][]byte{make([]byte, 8)}, "/r"
	text, err := c.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(newPolicyView(string(text), 0))
	if want := `{"sandbox":true,"allow_read":["/a"],"allow_write":[],"allow_connect":[],"allow_listen":[80],"allow_net":false,"seccomp":"default"}`; err != nil ||
		string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	got, err = json.Marshal(newPolicyView("", 0))
	if want := `{"sandbox":false,"allow_read":[],"allow_write":[],"allow_connect":[],"allow_listen":[],"allow_net":false,"seccomp":"none"}`; err != nil ||
		string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if got, want := withoutFilters(string(text)), "root \"/r\"\nsandbox\nread \"/a\"\nlisten 80\nseccomp \"default\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
