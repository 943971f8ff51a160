//go:build linux && amd64

package main

import (
	"encoding/json"
	"testing"

	"walisup/supervisor/instance"
)

func TestPolicyView(t *testing.T) {
	t.Parallel()
	c := &instance.Confinement{
		Sandbox: &instance.Sandbox{Read: []instance.Text{"/a"}, Listen: []uint16{80}},
		Seccomp: "default", Filters: [][]byte{make([]byte, 8)}, Root: "/r",
	}
	got, err := json.Marshal(newPolicyView(c, 0))
	if want := `{"sandbox":true,"allow_read":["/a"],"allow_write":[],"allow_connect":[],"allow_listen":[80],"allow_net":false,"seccomp":"default"}`; err != nil ||
		string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	got, err = json.Marshal(newPolicyView(&instance.Confinement{}, 0))
	if want := `{"sandbox":false,"allow_read":[],"allow_write":[],"allow_connect":[],"allow_listen":[],"allow_net":false,"seccomp":"none"}`; err != nil ||
		string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
