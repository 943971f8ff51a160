package instance

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"walisup/ipc"
	"walisup/supervisor/isolation"
	"walisup/supervisor/procfs"
)

// recorded is a record with something in every part.
func recorded() Record {
	uid, umask := 1000, 0o22
	return Record{
		Version: recordVersion, ID: "00112233445566778899aabbccddeeff", Name: "cache", BootID: "boot",
		Created: time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC),
		Options: Options{Detached: true, Restart: RestartPolicy{When: RestartOnFailure, Most: 3}, StopSignal: 15,
			StopTimeout: 10 * time.Second, LogSize: 4096, LogFiles: 3},
		Command: Command{
			Argv0: "a", Path: "/a.wasm", Args: []Text{"b", "not UTF-8: \xff"}, Env: []Text{"A=<&>"}, Dir: "/", Umask: 0o22,
			Module: Module{CacheDir: "/cache", NativeExec: true, Layers: []Layer{{Path: "/l.wasm", Args: []Text{"l", "x"}}}}, Mask: 1 << 63, NoFile: [2]uint64{1024, 4096},
			Isolation: isolation.Config{Memory: 1 << 30, CPUs: 1.5, Net: isolation.None},
			Confinement: Confinement{
				Limits: []Limit{{Resource: 7, Soft: 1, Hard: 1<<64 - 1}}, Root: "/r", Umask: &umask, UID: &uid, SetGroups: true,
				Sandbox: &Sandbox{Read: []Text{"/usr"}, Connect: []uint16{80}}, Seccomp: "default", Filters: [][]byte{{1, 2, 3, 4, 5, 6, 7, 8}},
			},
		},
		State: State{
			Phase: Running, Monitor: procfs.Identity{Pid: 1, Start: 2}, Main: procfs.Identity{Pid: 3, Start: 4},
			Others:  []Other{{Identity: procfs.Identity{Pid: 5, Start: 6}, StandIn: procfs.Identity{Pid: 7, Start: 8}}},
			Started: time.Date(2026, 3, 1, 12, 0, 1, 0, time.UTC), Problems: []string{"x"}, Cgroups: []string{"/sys/fs/cgroup/walisup-1"},
		},
	}
}

// written is what recorded is on disk. A change here needs another recordVersion.
const written = `{"version":3,"id":"00112233445566778899aabbccddeeff","name":"cache","created":"2026-03-01T12:00:00.000000005Z","boot_id":"boot",` +
	`"options":{"detached":true,"remove":false,"terminal":false,"restart":{"when":"on-failure","max":3},"stop_signal":15,"stop_timeout_ns":10000000000,"log_size":4096,"log_files":3},` +
	`"command":{"argv0":"a","path":"/a.wasm","args":["b",{"base64":"bm90IFVURi04OiD/"}],"env":["A=\u003c\u0026\u003e"],"dir":"/",` +
	`"module":{"cache_dir":"/cache","keep_debug":false,"plain_tables":false,"native_exec":true,"progress":false,"list_adapted":false,"perf_map":false,"layers":[{"path":"/l.wasm","args":["l","x"]}]},` +
	`"ignored_signals":0,"signal_mask":9223372036854775808,"no_file":[1024,4096],"umask":18,"isolation":{"memory":1073741824,"cpus":1.5,"net":"none"},` +
	`"confinement":{"limits":[{"resource":7,"soft":1,"hard":18446744073709551615}],"root":"/r","umask":18,"uid":1000,"set_groups":true,` +
	`"sandbox":{"read":["/usr"],"connect":[80],"net":false},"seccomp":"default","filters":["AQIDBAUGBwg="]}},` +
	`"state":{"phase":"running","monitor":{"pid":1,"start":2},"main":{"pid":3,"start":4},"others":[{"pid":5,"start":6,"stand_in":{"pid":7,"start":8}}],` +
	`"started":"2026-03-01T12:00:01Z","status":0,"status_known":false,"restarts":0,"cgroups":["/sys/fs/cgroup/walisup-1"],"stopped":false,"problems":["x"]}}`

func TestRecordFormat(t *testing.T) {
	t.Parallel()
	r := recorded()
	data, err := json.Marshal(&r)
	if err != nil || string(data) != written {
		t.Errorf("written as\n%s\n%v, want\n%s", data, err, written)
	}
	var back Record
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, r) {
		t.Errorf("read as\n%+v\n%v, want\n%+v", back, err, r)
	}
}

// TestBootIsRecorded looks whether a record says all of a boot record that flags decide.
func TestBootIsRecorded(t *testing.T) {
	t.Parallel()
	full := ipc.NoConfinement()
	full.Limits = []ipc.Limit{{Set: true, Resource: 7, Soft: 1, Hard: 2}}
	full.Root, full.Dir, full.Umask, full.UID, full.GID = "/r", "/d", 0, 0, 5
	full.SetGroups, full.Groups, full.Seccomp, full.Filters = true, []int{1, 2}, "default", [][]byte{make([]byte, 16)}
	full.Sandbox = &ipc.Sandbox{Read: []string{"/a"}, Write: []string{"/b"}, Connect: []uint16{1}, Listen: []uint16{2}, Net: true}
	for name, c := range map[string]ipc.Confinement{"none": ipc.NoConfinement(), "full": full} {
		text, err := c.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		want := ipc.Boot{CacheDir: "/c", KeepDebug: true, PlainTables: true, NativeExec: true, Progress: true, ListAdapted: true, PerfMap: true, Confine: string(text),
			Layers: []ipc.Layer{{Path: "/lib/a.wasm", Args: []string{"a.wasm", "\xff"}}, {Path: "/lib/b.wasm", Args: []string{"b"}}}}
		var command Command
		if err := command.SetBoot(&want); err != nil {
			t.Fatal(err)
		}
		if got, err := command.Boot(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
	var command Command
	if err := command.SetBoot(&ipc.Boot{Confine: "nonsense"}); !errors.Is(err, ipc.ErrConfinement) {
		t.Errorf("nonsense: %v", err)
	}
}

// TestRecordOfAnotherVersion is about records that an older or newer walisup has left.
func TestRecordOfAnotherVersion(t *testing.T) {
	t.Parallel()
	s, err := Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	i, err := s.Create(Record{Name: "old", Options: Options{Detached: true}})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Register(); err != nil {
		t.Fatal(err)
	}
	other := `{"version":1,"id":` + `"` + i.ID + `","command":"of another type"}` + "\n"
	if err := os.WriteFile(i.File(recordFile), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"find": errorOf(s.Find("old")), "reload": i.Reload(), "update": i.Update(func(*Record) error { return nil })} {
		if err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "record of version 1") || !strings.Contains(err.Error(), "remove "+s.Dir()) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if list, err := s.Sweep(); len(list) != 0 || err == nil {
		t.Errorf("sweep: %d instances, %v", len(list), err)
	}
	if data, err := os.ReadFile(i.File(recordFile)); err != nil || string(data) != other {
		t.Errorf("the record has changed to %q, %v", data, err)
	}
}

func errorOf[T any](_ T, err error) error { return err }
