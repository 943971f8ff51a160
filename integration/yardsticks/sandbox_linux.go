package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A box is where one test runs: PID, IPC and mount namespaces of its own, with
// an empty /tmp and /dev/shm. Nothing of a test outlives its box, and tests that
// use the same names for semaphores, queues or files do not meet.
type box struct {
	Argv []string // the program by its path inside
	Env  []string
	// Copy is a directory whose contents the working directory begins with; it
	// begins empty if Copy is not given.
	Copy string
	// Bin is a directory that takes the place of /bin and /usr/bin.
	Bin string
}

const (
	boxRoot = "/mnt/walisup" // the project's directory inside a box
	boxWork = "/tmp/work"    // the working directory
	// boxArgument makes this program the first process of a box.
	boxArgument = "inside-a-box"
	// boxStatus is the descriptor that the first process reports the status to.
	boxStatus = 3
)

// inside translates a path below the project's directory.
func inside(path string) string {
	rest, ok := strings.CutPrefix(path, root)
	if !ok {
		panic("not a path of the project: " + path)
	}
	return boxRoot + rest
}

// ending is how a program in a box ended.
type ending struct {
	status syscall.WaitStatus
	late   bool // it had to be killed
	output string
}

// mostOutput is how much of a test's output is kept.
const mostOutput = 1 << 20

// run runs a box to its end or to the time limit.
func (b box) run(limit time.Duration) (ending, error) {
	request, err := json.Marshal(b)
	if err != nil {
		return ending{}, err
	}
	statusRead, statusWrite, err := os.Pipe()
	if err != nil {
		return ending{}, err
	}
	defer statusRead.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	output := &limitedBuffer{most: mostOutput}
	// Killing the first process of a PID namespace kills all of it.
	cmd := exec.CommandContext(ctx, "/proc/self/exe", boxArgument, string(request), root)
	cmd.Env = []string{"GOMAXPROCS=1"}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.ExtraFiles = []*os.File{statusWrite}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC,
		Pdeathsig:  unix.SIGKILL,
	}
	err = cmd.Start()
	statusWrite.Close()
	if err != nil {
		return ending{}, fmt.Errorf("make namespaces for a test (this needs root): %w", err)
	}
	err = cmd.Wait()
	end := ending{output: output.String()}
	if ctx.Err() != nil {
		end.late = true
		return end, nil
	}
	var status uint32
	if _, scanError := fmt.Fscan(statusRead, &status); scanError != nil {
		return end, fmt.Errorf("box failed: %v: %s", err, end.output)
	}
	end.status = syscall.WaitStatus(status)
	return end, nil
}

// boxMain is the first process of a box. It returns only on failure.
func boxMain(request, project string) error {
	var b box
	if err := json.Unmarshal([]byte(request), &b); err != nil {
		return err
	}
	unix.CloseOnExec(boxStatus)
	if err := b.build(project); err != nil {
		return err
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		return err
	}
	pid, err := syscall.ForkExec(b.Argv[0], b.Argv, &syscall.ProcAttr{
		Dir:   boxWork,
		Env:   b.Env,
		Files: []uintptr{null.Fd(), 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", b.Argv[0], err)
	}
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case ended == pid:
			_, err := fmt.Fprintln(os.NewFile(boxStatus, "status"), uint32(status))
			if err != nil {
				return err
			}
			os.Exit(0)
		}
	}
}

// build makes the box around the calling process.
func (b box) build(project string) error {
	mount := func(source, target, kind string, flags uintptr, data string) error {
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			return fmt.Errorf("mount %s: %w", target, err)
		}
		return nil
	}
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := mount("none", "/mnt", "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	if err := os.Mkdir(boxRoot, 0o755); err != nil {
		return err
	}
	if err := mount(project, boxRoot, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	for _, dir := range []string{"/tmp", "/dev/shm"} {
		if err := mount("none", dir, "tmpfs", 0, "mode=1777"); err != nil {
			return err
		}
	}
	if err := mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	if b.Bin != "" {
		for _, dir := range []string{"/usr/bin", "/bin"} {
			if real, err := filepath.EvalSymlinks(dir); err != nil || real != dir {
				continue
			}
			if err := mount(b.Bin, dir, "", unix.MS_BIND, ""); err != nil {
				return err
			}
		}
	}
	if b.Copy == "" {
		return os.Mkdir(boxWork, 0o755)
	}
	return os.CopyFS(boxWork, os.DirFS(b.Copy))
}

// limitedBuffer keeps the beginning of what is written to it.
type limitedBuffer struct {
	bytes.Buffer
	most int
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), l.most-l.Len())])
	return len(p), nil
}
