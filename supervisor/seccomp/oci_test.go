package seccomp

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOCIProfiles(t *testing.T) {
	t.Parallel()
	perm, absent := Errno(unix.EPERM), Errno(unix.ENOSYS)
	type answer struct {
		c    call
		want Action
	}
	for _, test := range []struct {
		file    string
		host    Host
		answers []answer
	}{
		{"docker", Host{Major: 6, Minor: 1}, []answer{
			{call{nr: unix.SYS_READ}, Allow},
			{call{nr: unix.SYS_OPENAT}, perm},
			{call{nr: unix.SYS_PROCESS_VM_READV}, Allow},
			{call{nr: unix.SYS_KCMP}, perm},
			{call{nr: unix.SYS_SOCKET, args: [6]uint64{2}}, Allow},
			{call{nr: unix.SYS_SOCKET, args: [6]uint64{40}}, perm},
			{call{nr: unix.SYS_PERSONALITY, args: [6]uint64{8}}, Allow},
			{call{nr: unix.SYS_PERSONALITY, args: [6]uint64{9}}, perm},
			{call{nr: unix.SYS_MOUNT}, perm},
			{call{nr: unix.SYS_CHROOT}, perm},
			{call{nr: unix.SYS_CLONE, args: [6]uint64{17}}, Allow},
			{call{nr: unix.SYS_CLONE, args: [6]uint64{unix.CLONE_NEWUSER}}, perm},
			{call{nr: unix.SYS_CLONE3}, absent},
			{call{nr: unix.SYS_READ, arch: unix.AUDIT_ARCH_I386}, KillProcess},
		}},
		{"docker", Host{Major: 4, Minor: 7, Capabilities: 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_CHOWN}, []answer{
			{call{nr: unix.SYS_PROCESS_VM_READV}, perm},
			{call{nr: unix.SYS_MOUNT}, Allow},
			{call{nr: unix.SYS_CHROOT}, Allow},
			{call{nr: unix.SYS_CLONE, args: [6]uint64{17}}, perm},
			{call{nr: unix.SYS_CLONE3}, perm},
		}},
		{"oci", Host{}, []answer{
			{call{nr: unix.SYS_READ}, Allow},
			{call{nr: unix.SYS_GETCWD}, perm},
			{call{nr: unix.SYS_PTRACE}, KillProcess},
			{call{nr: unix.SYS_MKDIRAT, args: [6]uint64{0, 0, 0o700}}, Allow},
			{call{nr: unix.SYS_MKDIRAT, args: [6]uint64{0, 0, 0o701}}, Errno(unix.EACCES)},
			{call{nr: unix.SYS_KILL, args: [6]uint64{1}}, Log},
			{call{nr: unix.SYS_KILL, args: [6]uint64{5}}, Allow},
			{call{nr: unix.SYS_KILL, args: [6]uint64{9}}, Trap}, // the more severe one
			{call{nr: foreignCalls | unix.SYS_GETCWD}, absent},
		}},
		{"podman", Host{}, []answer{
			{call{nr: unix.SYS_READ}, Allow}, {call{nr: unix.SYS_WRITE}, absent}, {call{nr: unix.SYS_USELIB}, perm},
		}},
	} {
		data, err := os.ReadFile("testdata/" + test.file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParseOCI(data, &test.host)
		if err != nil {
			t.Errorf("%s: %v", test.file, err)
			continue
		}
		for _, a := range test.answers {
			if got := decide(t, p, a.c); got != a.want {
				t.Errorf("%s: %+v: %#x, want %#x", test.file, a.c, got, a.want)
			}
		}
	}
}

func TestBadOCIProfiles(t *testing.T) {
	t.Parallel()
	allow := func(entry string) string { return `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [` + entry + `]}` }
	for text, says := range map[string]string{
		``:                                       "EOF",
		`[]`:                                     "cannot unmarshal",
		`{}`:                                     "no action",
		`{"defaultAction": "SCMP_ACT_ALLOW"} {}`: "something follows",
		`{"defaultAction": "SCMP_ACT_ALLOW", "sycalls": []}`:                                                                                                  "unknown field",
		`{"ociVersion": "1.0", "linux": {}}`:                                                                                                                  "linux.seccomp",
		`{"defaultAction": "SCMP_ACT_NOTIFY"}`:                                                                                                                "no agent",
		`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096}`:                                                                                        "error number",
		`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EWHAT"}`:                                                                                        "no error",
		`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EIO", "defaultErrnoRet":1}`:                                                                     "differ",
		`{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}`:                                                                                           "no error number",
		`{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x"}`:                                                                                           "no agent",
		`{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"]}`:                                                                           "not supported",
		`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_S390X"]}`:                                                                           "this machine",
		`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": [], "archMap": []}`:                                                                             "give one",
		allow(`{"names": [], "action": "SCMP_ACT_KILL"}`):                                                                                                     "names no call",
		allow(`{"name": "read", "names": ["write"], "action": "SCMP_ACT_KILL"}`):                                                                              "give one",
		allow(`{"names": ["raed"], "action": "SCMP_ACT_KILL"}`):                                                                                               "would allow it",
		allow(`{"names": ["read"], "action": "SCMP_ACT_DIE"}`):                                                                                                "no action",
		allow(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}`):                                                 "arguments 0 to 5",
		allow(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "op": "=="}]}`):                                                          "no comparison",
		allow(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": -1, "op": "SCMP_CMP_EQ"}]}`):                                                "cannot unmarshal",
		allow(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "includes": {"caps": ["CAP_TAIN"]}}`):                                                          "no capability",
		allow(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "new"}}`):                                                            "minKernel",
		allow(`{"names": ["read"], "action": "SCMP_ACT_ERRNO"}, {"names": ["read"], "action": "SCMP_ACT_KILL"}`):                                              "two rules",
		allow(`{"names": ["read"], "action": "SCMP_ACT_ERRNO"}, {"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 0, "op": "SCMP_CMP_EQ"}]}`): "which counts",
	} {
		_, err := ParseOCI([]byte(text), &Host{})
		if !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want an error that says %q", text, err, says)
		}
	}
}
