package oci

import (
	"errors"
	"flag"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	words := func(s string) []string { return strings.Fields(s) }
	cases := []struct {
		line string
		want CommandLine
	}{
		{"", CommandLine{}},
		{"--version", CommandLine{Version: true, Global: words("--version")}},
		{"-v", CommandLine{Version: true, Global: words("--version")}},
		// As podman's conmon and containerd's shim write them.
		{"--systemd-cgroup create --bundle /b --pid-file /p c1", CommandLine{
			Global: words("--systemd-cgroup"), Command: "create", Bundle: "/b",
			Flags: words("--pid-file=/p"), Arguments: words("c1"),
		}},
		{"--root /r --log /l --log-format json create --bundle /b --console-socket=/s c1", CommandLine{
			Root: "/r", Log: "/l", LogFormat: "json", Global: words("--root=/r --log=/l --log-format=json"),
			Command: "create", Bundle: "/b", Flags: words("--console-socket=/s"), Arguments: words("c1"),
		}},
		{"run -d -b x c1", CommandLine{Command: "run", Bundle: "x", Detach: true, Flags: words("--detach"), Arguments: words("c1")}},
		{"run --detach=false c1", CommandLine{Command: "run", Bundle: ".", Flags: words("--detach=false"), Arguments: words("c1")}},
		{"--delegate crun --debug --cache /c state c1", CommandLine{
			Delegate: "crun", Cache: "/c", Global: words("--debug"), Command: "state", Arguments: words("c1"),
		}},
		// A value that looks like a flag of ours is a value.
		{"--log --delegate kill c1 KILL", CommandLine{Log: "--delegate", Global: words("--log=--delegate"), Command: "kill", Arguments: words("c1 KILL")}},
		{"exec -t -u 1:2 -e A=b --env PATH=/x --cwd /w c1 ls -p -l", CommandLine{
			Command: "exec", Cwd: "/w", Path: "/x",
			Flags: words("--tty --user=1:2 --env=A=b --env=PATH=/x --cwd=/w"), Arguments: words("c1 ls -p -l"),
		}},
		{"exec --process /p.json --detach c1", CommandLine{
			Command: "exec", Process: "/p.json", Detach: true, Flags: words("--detach"), Arguments: words("c1"),
		}},
		{"delete --force c1", CommandLine{Command: "delete", Arguments: words("--force c1")}},
		{"update --memory 5 c1", CommandLine{Command: "update", Arguments: words("--memory 5 c1")}},
		{"create --help", CommandLine{Command: "create", Bundle: ".", Help: true, Flags: words("--help")}},
	}
	for _, c := range cases {
		if c.want.LogFormat == "" {
			c.want.LogFormat = "text"
		}
		got, err := Parse(words(c.line))
		if err != nil {
			t.Errorf("%q: %v", c.line, err)
			continue
		}
		for _, list := range []*[]string{&got.Global, &got.Flags, &got.Arguments} {
			if len(*list) == 0 {
				*list = nil
			}
		}
		if !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%q:\n got %+v\nwant %+v", c.line, *got, c.want)
		}
	}
	for _, line := range []string{"--nonsense state c1", "create --nonsense c1", "create --bundle", "exec --tty=maybe c1 ls"} {
		if got, err := Parse(words(line)); err == nil || errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %+v, %v, want an error", line, got, err)
		}
	}
}
