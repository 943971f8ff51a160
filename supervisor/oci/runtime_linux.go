package oci

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Config is where the runtime finds its parts.
type Config struct {
	Helper  string // the helper program; absolute
	Release string // version of walisup-oci

	// Cache is the directory of the node's compiled modules, empty for none. It is made, for
	// everybody to read, if it is not there.
	Cache string

	// State is the directory of what is known of containers, which a restart of the node
	// clears.
	State string

	// Delegate is the runtime that does the work: a path, or a name that is looked up on PATH.
	// Empty stands for runc, or crun if that is not there.
	Delegate string
}

// runtime carries out one command line.
type runtime struct {
	Config
	*CommandLine
	message  *messages
	delegate string // absolute
}

// Main carries out a command line, without the program's name, and returns its exit status.
// Where the other runtime has nothing left to be done after it, Main becomes it and does not
// return.
//
// Precondition: it is called by the main goroutine, which is locked to the main thread.
func Main(config Config, args []string) int {
	c, err := Parse(args)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Print(help)
			return 0
		}
		return newMessages("", "text").fail(err)
	}
	config.Cache = cmp.Or(c.Cache, config.Cache)
	config.Delegate = cmp.Or(c.Delegate, config.Delegate)
	r := &runtime{Config: config, CommandLine: c, message: newMessages(c.Log, c.LogFormat)}
	status, err := r.run()
	if err != nil {
		return r.message.fail(err)
	}
	return status
}

const help = `walisup-oci is an OCI runtime for containers whose programs are WebAssembly modules. It has
runc's commands and flags, and hands every container to runc, with walisup-helper in it if its
program is a module.

Usage:
  walisup-oci [flags] [runc's global flags] COMMAND [flags] [arguments]

Flags:
  --delegate RUNTIME   the runtime that does the work: a path, or a name on PATH (default: runc,
                       else crun; environment: WALISUP_OCI_DELEGATE)
  --cache DIRECTORY    compiled modules, shared by all containers (default: /var/cache/walisup/oci;
                       for an ordinary user walisup/oci in $XDG_CACHE_HOME or ~/.cache;
                       environment: WALISUP_OCI_CACHE)

Environment:
  WALISUP_HELPER       the helper program (default: walisup-helper beside walisup-oci, or in
                       ../libexec/walisup)

See runc(8) for the commands and docs/containers.md for podman, containerd and Kubernetes.
`

func (r *runtime) run() (status int, err error) {
	if r.Command == "" && !r.Version || r.Help {
		fmt.Print(help)
		return 0, nil
	}
	if r.delegate, err = findDelegate(r.Config.Delegate); err != nil {
		return 0, err
	}
	if r.Version {
		fmt.Printf("walisup-oci version %s\n", r.Release)
		return r.hand(r.Command, nil, nil)
	}
	switch r.Command {
	case "create", "run":
		return r.create()
	case "exec":
		return r.exec()
	case "state":
		return r.state()
	case "delete":
		return r.delete()
	case compileCommand:
		return 0, r.compileImage()
	}
	return 0, r.become(r.Command, nil, r.Arguments)
}

// findDelegate returns the path of the other runtime, which may be named.
func findDelegate(name string) (string, error) {
	if name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("find the runtime that --delegate or WALISUP_OCI_DELEGATE names: %w", err)
		}
		return filepath.Abs(path)
	}
	for _, name := range []string{"runc", "crun"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
		// containerd and podman may have a PATH without them.
		for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"} {
			path := filepath.Join(dir, name)
			if unix.Access(path, unix.X_OK) == nil {
				return path, nil
			}
		}
	}
	return "", errors.New("neither runc nor crun is on PATH: install one, or name another with --delegate")
}

// arguments returns the other runtime's command line.
func (r *runtime) arguments(command string, flags, args []string) []string {
	list := append([]string{r.delegate}, r.Global...)
	if command != "" {
		list = append(append(append(list, command), flags...), args...)
	}
	return list
}

// become executes the other runtime in place of this one.
func (r *runtime) become(command string, flags, args []string) error {
	err := unix.Exec(r.delegate, r.arguments(command, flags, args), os.Environ())
	return fmt.Errorf("execute %s: %w", r.delegate, err)
}

// hand runs the other runtime and waits for it. Its messages are the caller's to read.
func (r *runtime) hand(command string, flags, args []string) (status int, err error) {
	return r.handTo(os.Stdout, command, flags, args)
}

func (r *runtime) handTo(stdout io.Writer, command string, flags, args []string) (status int, err error) {
	cmd := exec.Command(r.delegate, r.arguments(command, flags, args)[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, os.Stderr
	cmd.ExtraFiles = inheritable()
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if ws, ok := exit.Sys().(interface{ Signaled() bool }); ok && ws.Signaled() {
			return 1, fmt.Errorf("%s %s: %w", filepath.Base(r.delegate), command, err)
		}
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("execute %s: %w", r.delegate, err)
	}
	return 0, nil
}

// inheritable are the descriptors from 3 on that a caller has passed with --preserve-fds or
// socket activation. Those that are closed in between become /dev/null.
func inheritable() []*os.File {
	const most = 1 << 10
	last := 2
	for fd := 3; fd < most; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			last = fd
		}
	}
	var files []*os.File
	for fd := 3; fd <= last; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			files = append(files, nil) // closed in the child
			continue
		}
		files = append(files, os.NewFile(uintptr(fd), "inherited"))
	}
	return files
}

// create is create and run.
func (r *runtime) create() (status int, err error) {
	b, changed, err := r.prepare()
	if err != nil {
		return 0, err
	}
	flags := append([]string{"--bundle=" + r.Bundle}, r.Flags...)
	if !changed {
		return 0, r.become(r.Command, flags, r.Arguments)
	}
	id := r.Arguments[0]
	dir, err := r.newState(id, b)
	if err != nil {
		return 0, err
	}
	flags = append([]string{"--bundle=" + dir}, r.Flags...)
	if r.Command == "run" && !r.Detach {
		// It passes signals and terminals on and must be the one that is signalled. What is
		// kept of the container is removed by a later command.
		return 0, r.become(r.Command, flags, r.Arguments)
	}
	status, err = r.hand(r.Command, flags, r.Arguments)
	if err != nil || status != 0 {
		os.RemoveAll(dir)
	}
	return status, err
}

// changedBundle is what create found out.
type changedBundle struct {
	config   []byte // config.json to hand on
	original string // the bundle's directory
}

// prepare reads the bundle and changes it if its program is a module, which is compiled.
func (r *runtime) prepare() (*changedBundle, bool, error) {
	if len(r.Arguments) != 1 || !validID(r.Arguments[0]) {
		return nil, false, nil // the other runtime says what is wrong
	}
	b, err := loadBundle(r.Bundle)
	if err != nil {
		return nil, false, err
	}
	process := b.spec.Process
	if process == nil || len(process.Args) == 0 || b.root() == "" {
		return nil, false, nil
	}
	demand, err := b.demand()
	if err != nil {
		return nil, false, err
	}
	root, err := openRoot(b.root(), b.binds())
	if err != nil {
		return nil, false, err
	}
	defer root.close()
	p, err := root.find(process.Args[0], process.Cwd, searchPath(process.Env))
	if err != nil && demand == mustBeWasm {
		return nil, false, fmt.Errorf("exec: %q: %w", process.Args[0], err)
	}
	isWasm := err == nil && p.path != "" && p.kind == wasm
	if demand == mustBeWasm && !isWasm {
		return nil, false, fmt.Errorf("exec: %q: is not a WebAssembly module, which an annotation of the container says it is", process.Args[0])
	}
	if !isWasm && demand == byContents {
		return nil, false, nil
	}
	if !isWasm {
		p = program{}
	}
	cache, err := r.fillCache(root, p, searchPath(process.Env))
	if err != nil {
		return nil, false, err
	}
	config, err := b.rewrite(p, r.Helper, cache)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", filepath.Join(b.dir, "config.json"), err)
	}
	return &changedBundle{config: config, original: b.dir}, true, nil
}

// exec starts one more process in a container.
func (r *runtime) exec() (int, error) {
	flags := r.Flags
	if r.Process != "" {
		flags = append([]string{"--process=" + r.Process}, flags...)
	}
	hand := func() (int, error) { return 0, r.become("exec", flags, r.Arguments) }
	if len(r.Arguments) == 0 || !validID(r.Arguments[0]) {
		return hand()
	}
	known, err := r.loadState(r.Arguments[0])
	if err != nil || known == nil {
		return hand() // a container of native programs
	}
	var args, env []string
	cwd := known.spec.Process.Cwd
	var process map[string]json.RawMessage
	if r.Process != "" {
		var p specs.Process
		text, err := os.ReadFile(r.Process)
		if err == nil {
			err = errors.Join(json.Unmarshal(text, &p), json.Unmarshal(text, &process))
		}
		if err != nil {
			return hand()
		}
		args, env, cwd = p.Args, p.Env, p.Cwd
	} else {
		args, env = r.Arguments[1:], known.spec.Process.Env
		if r.Cwd != "" {
			cwd = r.Cwd
		}
	}
	path := searchPath(env)
	if r.Path != "" {
		path = r.Path
	}
	if len(args) == 0 {
		return hand()
	}
	pid, err := r.pid(r.Arguments[0])
	if err != nil {
		return hand()
	}
	root, err := openRoot("/proc/"+strconv.Itoa(pid)+"/root", nil)
	if err != nil {
		return hand()
	}
	p, err := root.find(args[0], cwd, path)
	root.close()
	if err != nil || p.path == "" || p.kind != wasm {
		return hand()
	}
	changed := arguments(&p, known.cache(), args)
	if r.Process == "" {
		return 0, r.become("exec", flags, append([]string{r.Arguments[0]}, changed...))
	}
	if err := put(process, "args", changed); err != nil {
		return 0, err
	}
	text, err := json.Marshal(process)
	if err != nil {
		return 0, err
	}
	// A file without a name: nothing is left when the other runtime has read it.
	fd, err := unix.MemfdCreate("process.json", 0)
	if err != nil {
		return 0, os.NewSyscallError("memfd_create", err)
	}
	if _, err := unix.Write(fd, text); err != nil {
		return 0, os.NewSyscallError("write", err)
	}
	flags = append([]string{"--process=/proc/self/fd/" + strconv.Itoa(fd)}, r.Flags...)
	return 0, r.become("exec", flags, r.Arguments)
}

// pid asks the other runtime for a container's first process.
func (r *runtime) pid(id string) (int, error) {
	var out bytes.Buffer
	status, err := r.handTo(&out, "state", nil, []string{id})
	if err != nil {
		return 0, err
	}
	var state specs.State
	if status != 0 || json.Unmarshal(out.Bytes(), &state) != nil || state.Pid <= 0 {
		return 0, fmt.Errorf("container %s has no process", id)
	}
	return state.Pid, nil
}

// state prints what the other runtime says of a container, with the bundle's own directory.
func (r *runtime) state() (int, error) {
	if len(r.Arguments) != 1 || !validID(r.Arguments[0]) {
		return 0, r.become(r.Command, nil, r.Arguments)
	}
	known, err := r.loadState(r.Arguments[0])
	if err != nil || known == nil {
		return 0, r.become(r.Command, nil, r.Arguments)
	}
	var out bytes.Buffer
	status, err := r.handTo(&out, "state", nil, r.Arguments)
	if err != nil {
		return 0, err
	}
	text := out.String()
	quote := func(s string) string { q, _ := json.Marshal(s); return string(q) }
	text = strings.Replace(text, `"bundle": `+quote(known.dir), `"bundle": `+quote(known.original), 1)
	fmt.Print(text)
	return status, nil
}

// delete removes a container and what is kept of it.
func (r *runtime) delete() (int, error) {
	status, err := r.hand(r.Command, nil, r.Arguments)
	if err == nil && len(r.Arguments) > 0 {
		id := r.Arguments[len(r.Arguments)-1]
		if validID(id) && !r.exists(id) {
			os.RemoveAll(r.stateDir(id))
		}
	}
	return status, err
}
