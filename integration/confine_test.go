package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/ipc"
)

// jail is a site with a directory that can be a guest's root and belongs to it.
type jail struct {
	*site
	root string
}

// newJail makes a jail with busybox and modules in it. With proc it is to have a /proc
// inside, see [jail.script].
func newJail(t *testing.T, sources ...string) *jail {
	t.Helper()
	s := rootSite(t)
	j := &jail{s, s.work("jail")}
	for _, dir := range []string{"bin", "dev", "proc"} {
		if err := os.MkdirAll(filepath.Join(j.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(j.root, "dev", "null"), nil, 0o666); err != nil { // for jobs of shells
		t.Fatal(err)
	}
	files := map[string]string{"bin/busybox": filepath.Join(s.dir, "tools", "busybox")}
	for _, source := range sources {
		files[source+".wasm"] = buildC(t, "testdata/confine/"+source+".c").module
	}
	for to, from := range files {
		if out, err := exec.Command("cp", from, filepath.Join(j.root, to)).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
	}
	for _, applet := range []string{"sh", "sleep", "true", "echo"} {
		if err := os.Symlink("busybox", filepath.Join(j.root, "bin", applet)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{s.work(""), j.root} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// script runs a native shell script in a mount namespace of its own, where the jail's
// /proc is the machine's if proc is set. $w is walisup and $jail the directory.
func (j *jail) script(proc bool, text string, args ...string) answer {
	j.t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		j.t.Skip(err)
	}
	if proc {
		text = `mount --bind /proc "$jail/proc" || exit 77; ` + text
	}
	cmd := exec.Command(unshare, append([]string{"-m", "--propagation", "private", "sh", "-c", text, "sh"}, args...)...)
	cmd.Dir = j.work("")
	cmd.Env = append(j.environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "jail="+j.root, "w="+filepath.Join(j.dir, "bin", "walisup"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	got := answer{status: runBounded(j.t, cmd)}
	got.stdout, got.stderr = stdout.String(), stderr.String()
	if got.status == 77 || strings.Contains(got.stderr, "unshare failed") {
		j.t.Skipf("no mount namespace here: %s", got.stderr)
	}
	return got
}

// confinements are the ways to keep a guest from what its caller can reach.
var confinements = []struct {
	name, flags string
	proc        bool // there is a /proc in the root
}{
	{"user", "--user nobody", true},
	{"root", "--root $jail", false},
	{"root with proc", "--root $jail", true},
	{"root and user", "--root $jail --user nobody", false},
	{"root and user with proc", "--root $jail --user nobody", true},
	{"sandbox", "--sandbox --allow-read $jail --allow-write $jail --allow-read /proc --allow-read /dev/null --allow-write /dev/null", true},
}

// within returns what a path in the jail is called by whoever starts the module, and
// by the module.
func within(flags, path string) (outside, inside string) {
	outside = "$jail/" + path
	if strings.Contains(flags, "--root") {
		return outside, "/" + path
	}
	return outside, outside
}

// ownMemory is what a guest can do to files that only its own instance has: to the
// times and rights of its channel and its sockets, which nothing looks at, and to the
// pipe for its own trace.
var ownMemory = regexp.MustCompile(fmt.Sprintf(`(?m)^((utimensat|setxattr|trusted xattr|chmod|chown)\(.*\b(link|/)?(%[1]d|%[2]d|%[3]d)\)|open (for writing|to change|or make|and truncate)\((.*\b)?(link)?%[2]d\)) works\n`,
	ipc.DefaultFiles+ipc.ChannelOffset, ipc.DefaultFiles+ipc.TraceOffset, ipc.DefaultFiles+ipc.CodeOffset))

// TestReservedDescriptorsLeadNowhere has a guest, and one that a guest has executed,
// try every call on what its helper has open: none is a directory, and none is a file
// that others trust and it could change.
func TestReservedDescriptorsLeadNowhere(t *testing.T) {
	t.Parallel()
	for _, c := range confinements {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := newJail(t, "walk")
			outside, inside := within(c.flags, "walk.wasm")
			where := ""
			if !strings.Contains(c.flags, "--root") {
				where = "--workdir $jail "
			}
			for way, script := range map[string]string{
				"foreground": fmt.Sprintf(`"$w" start %[1]s %[2]s && "$w" start %[1]s %[2]s %[3]s`, where+c.flags, outside, inside),
				"detached": fmt.Sprintf(`"$w" start -d --name d %s %s %s >/dev/null && "$w" wait d >/dev/null; "$w" logs d; "$w" rm d >/dev/null`,
					where+c.flags, outside, inside),
				"exec": fmt.Sprintf(`"$w" start -d --name e %[1]s $jail/bin/sleep 1000 >/dev/null && "$w" exec e %[2]s %[3]s; "$w" rm -f e >/dev/null`,
					where+c.flags, outside, inside),
			} {
				got := j.script(c.proc, script)
				text := regexp.MustCompile(`(?m)^walked \d+ ways\n`).ReplaceAllString(ownMemory.ReplaceAllString(got.stdout, ""), "")
				if got.status != 0 || text != "" || !strings.Contains(got.stdout, "walked ") {
					t.Errorf("%s: status %d, %s%s", way, got.status, shorten(text), shorten(got.stderr))
				}
			}
		})
	}
}

// TestNothingLeadsOutOfARoot has root try what Linux has for leaving a root.
func TestNothingLeadsOutOfARoot(t *testing.T) {
	t.Parallel()
	for _, proc := range []bool{false, true} {
		for _, user := range []string{"", "--user nobody"} {
			t.Run(fmt.Sprintf("proc %v %s", proc, user), func(t *testing.T) {
				t.Parallel()
				j := newJail(t, "escape")
				if err := os.WriteFile(j.work("outside-x"), nil, 0o644); err != nil {
					t.Fatal(err)
				}
				got := j.script(proc, `"$w" start --root "$jail" `+user+` "$jail/escape.wasm" x`)
				if got != (answer{stdout: "tried\n"}) {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

// descriptors returns what the processes of an instance have open, as links, by pid.
func (s *site) descriptors(instance string) map[int]map[int]string {
	s.t.Helper()
	found := map[int]map[int]string{}
	for line := range strings.Lines(s.must("top", instance)) {
		pid, err := strconv.Atoi(strings.Fields(line)[0])
		if err != nil {
			continue
		}
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		found[pid] = map[int]string{}
		for _, link := range links {
			fd, _ := strconv.Atoi(filepath.Base(link))
			found[pid][fd], _ = os.Readlink(link)
		}
	}
	return found
}

// executed is the end of a line of top about one of the programs that
// [TestWhatConfinedHelpersHold] has executed.
var executed = regexp.MustCompile(`(?m) (first|second)$`)

// TestWhatConfinedHelpersHold looks from outside at all descriptors of a guest's
// processes: those that it started with, of a fork, and of two programs that it has
// executed.
func TestWhatConfinedHelpersHold(t *testing.T) {
	t.Parallel()
	for _, c := range confinements {
		if c.proc && strings.Contains(c.flags, "--root") {
			continue // from outside it is the same
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := newJail(t)
			outside, _ := within(c.flags, "bin/sh")
			_, shell := within(c.flags, "bin/sh")
			replace := strings.NewReplacer("$jail", j.root)
			args := append([]string{"start", "-d", "--name", "held"}, strings.Fields(replace.Replace(c.flags))...)
			shell = replace.Replace(shell)
			// What a program prints, it prints when its code is loaded. Then it stops, and stays as it is.
			program := `-c 'echo "$0 runs"; kill -STOP $$'`
			j.must(append(args, replace.Replace(outside), "-c", fmt.Sprintf(`%[1]s %[2]s first & (exec %[1]s %[2]s second) & (wait; wait) & echo ready; wait`, shell, program))...)
			for _, text := range []string{"ready", "first runs", "second runs"} {
				j.untilLog("held", text)
			}
			for pid, files := range j.descriptors("held") {
				for fd, link := range files {
					path := fmt.Sprintf("/proc/%d/fd/%d", pid, fd)
					var st unix.Stat_t
					if err := unix.Stat(path, &st); err != nil {
						t.Errorf("%s: %v", link, err)
					}
					if st.Mode&unix.S_IFMT == unix.S_IFDIR {
						t.Errorf("process %d has descriptor %d, the directory %s", pid, fd, link)
					}
					if fd < ipc.DefaultFiles || st.Mode&unix.S_IFMT != unix.S_IFREG || strings.HasPrefix(link, "/memfd:walisup-channel") {
						continue
					}
					// We are root, and could open anything else.
					if err := tryToWrite(path); err == nil {
						t.Errorf("process %d has descriptor %d, %s, which can be written to", pid, fd, link)
					}
				}
			}
			// The programs run the same code, which nobody can write to.
			mapped := j.mappedCode("held")
			if len(mapped) != 1 {
				t.Errorf("executed programs have mapped %v, want the same code", mapped)
			}
			for where := range mapped {
				inCache := strings.Contains(where, j.work("cache"))
				if mayWrite := !strings.Contains(c.flags, "--user"); inCache == mayWrite {
					t.Errorf("the code is %s", where)
				}
			}
			j.must("rm", "-f", "held")
		})
	}
}

// tryToWrite tries to change the file at path without changing it.
func tryToWrite(path string) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil && err != unix.ETXTBSY { // being executed does not count as a protection
		return err
	}
	if err == nil {
		defer unix.Close(fd)
		var first [1]byte
		if _, err := unix.Pread(fd, first[:], 0); err != nil {
			return err
		}
		if _, err := unix.Pwrite(fd, first[:], 0); err != nil {
			return err
		}
		return nil
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err
	}
	return unix.Chmod(path, st.Mode&0o7777)
}

// mappedCode returns which executable files the executed programs of an instance have
// mapped besides their helper, with device and inode.
func (s *site) mappedCode(instance string) map[string]bool {
	s.t.Helper()
	found := map[string]bool{}
	for line := range strings.Lines(s.must("top", instance)) {
		fields := strings.Fields(line)
		if !executed.MatchString(line) {
			continue
		}
		maps, err := os.ReadFile("/proc/" + fields[0] + "/maps")
		if err != nil {
			s.t.Fatal(err)
		}
		for mapping := range strings.Lines(string(maps)) {
			if m := strings.Fields(mapping); len(m) > 5 && strings.Contains(m[1], "x") && (strings.Contains(mapping, "walisup-compiled") || strings.Contains(mapping, "/cache/")) {
				found[strings.Join(append(m[3:5:5], m[5:]...), " ")] = true
			}
		}
	}
	return found
}

// TestCompilingForAConfinedGuest executes one module many times, which takes one
// compilation, of which the caller's directory keeps the result.
func TestCompilingForAConfinedGuest(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"--user nobody", "--root $jail", "--root $jail --user nobody"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			j := newJail(t, "victim")
			outside, _ := within(flags, "bin/sh")
			_, victim := within(flags, "victim.wasm")
			got := j.script(false, fmt.Sprintf(`"$w" start %s %s -c 'i=0; while [ $i -lt 30 ]; do '%s' || exit; i=$((i+1)); done'`, flags, outside, victim))
			if got.status != 0 || got.stdout != strings.Repeat("honest\n", 30) || got.stderr != "" {
				t.Fatalf("%+v", got)
			}
			// busybox, which the first helper compiled, and the module.
			kept := entries(t, j.work("cache"))
			named := slices.DeleteFunc(slices.Collect(mapsKeys(kept)), func(path string) bool { return strings.HasPrefix(filepath.Base(path), "file-") })
			if len(named) != 2 {
				t.Errorf("the directory has %v", named)
			}
			// Known to the next instance: its times do not change.
			before := modified(t, named)
			got = j.script(false, fmt.Sprintf(`"$w" start %s %s -c %s`, flags, outside, victim))
			if got.status != 0 || got.stdout != "honest\n" || modified(t, named) != before {
				t.Errorf("another instance: %+v", got)
			}
		})
	}
}

func mapsKeys(m map[string][]byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func modified(t *testing.T, paths []string) (text string) {
	t.Helper()
	slices.Sort(paths)
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintln(path, info.ModTime(), info.Size())
	}
	return text
}

// TestConfinedGuestOutlivesItsSupervisor shows that programs can be executed when
// nobody is there to compile them.
func TestConfinedGuestOutlivesItsSupervisor(t *testing.T) {
	t.Parallel()
	j := newJail(t, "victim")
	j.must("start", "-d", "--name", "left", "--root", j.root, "--user", "nobody", filepath.Join(j.root, "bin/sh"), "-c",
		`: >/up; until [ -e /go ]; do /bin/sleep 0.01; done; /victim.wasm >/said; /bin/sleep 1000`)
	exists := func(name string) func() bool {
		return func() bool {
			text, err := os.ReadFile(filepath.Join(j.root, name))
			return err == nil && (name == "up" || len(text) > 0)
		}
	}
	j.until("it runs", exists("up"))
	for _, pid := range j.monitors() {
		unix.Kill(pid, unix.SIGKILL)
	}
	j.until("the monitor is gone", func() bool { return len(j.monitors()) == 0 })
	if err := os.WriteFile(filepath.Join(j.root, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	j.until("the module has run", exists("said"))
	if said, _ := os.ReadFile(filepath.Join(j.root, "said")); string(said) != "honest\n" {
		t.Errorf("it said %q", said)
	}
	j.must("rm", "-f", "left")
}

// TestConfinedGuestsInheritWhatWasAskedFor leaves a file and a directory open.
func TestConfinedGuestsInheritWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	j := newJail(t)
	const list = ` -c 'for fd in 3 4 5; do (: <&$fd) 2>&- && echo $fd; done; :'`
	for _, test := range []struct {
		flags, redirections, stdout, stderr string
	}{
		{"", "3</dev/null 4</ 5</dev/null", "3\n4\n5\n", ""},
		{"--user nobody", "3</dev/null 4</", "", ""},
		{"--user nobody --preserve-fds 1", "3</dev/null 4</ 5</dev/null", "3\n", ""},
		{"--user nobody --preserve-fds 3", "3</dev/null 4</ 5</dev/null", "3\n4\n5\n", ""},
		{"--root $jail", "3</dev/null 4</", "", ""},
		{"--root $jail --preserve-fds 1", "3</dev/null 4</", "3\n", ""},
		{"--root $jail --preserve-fds 2", "3</dev/null 4</", "", "descriptor 4 is a directory"},
		{"--root $jail", "0</", "", "descriptor 0 is a directory"},
		{"--root $jail -d --preserve-fds 2", "", "", "a detached instance inherits no descriptors"},
	} {
		got := j.script(false, `"$w" start `+test.flags+` "$jail/bin/sh"`+list+" "+test.redirections)
		if got.stdout != test.stdout || !strings.Contains(got.stderr, test.stderr) || (got.status != 0) != (test.stderr != "") {
			t.Errorf("%s with %s: %+v", test.flags, test.redirections, got)
		}
	}
}

// TestPoisonedCode has a guest look for compiled code that it could write to, as
// another's that it has executed.
func TestPoisonedCode(t *testing.T) {
	t.Parallel()
	for _, c := range confinements {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := newJail(t, "poison", "victim")
			outside, _ := within(c.flags, "poison.wasm")
			_, victim := within(c.flags, "victim.wasm")
			dir := ""
			if !strings.Contains(c.flags, "--root") {
				dir = "--workdir $jail "
			}
			got := j.script(c.proc, fmt.Sprintf(`"$w" start %s %s %s`, dir+c.flags, outside, victim))
			if want := "honest\nfound nothing to write to\nhonest\n"; got.status != 0 || got.stdout != want {
				t.Errorf("%+v, want %q", got, want)
			}
		})
	}
}
