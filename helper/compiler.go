package helper

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/helper/report"
	"walisup/ipc"
)

// runCompiler runs a compiling helper, which writes the cache entry to the
// empty file result, and to the cache directory if there is one. If it fails, or is
// killed from the terminal, this process ends as it did: it has already said
// why.
func (b *bootstrap) runCompiler(result int) error {
	order := *b.Boot
	order.CompileOnly = true
	bootFD, err := ipc.WriteBoot(&order)
	if err != nil {
		return err
	}
	defer unix.Close(bootFD)
	// Descriptors of the private range are not close-on-exec at this stage,
	// so the compiling helper finds them where this one has them.
	for offset, fd := range map[int]int{ipc.BootOffset: bootFD, ipc.EntryOffset: result} {
		if err := unix.Dup3(fd, b.first+offset, 0); err != nil {
			return fmt.Errorf("start compiling helper: %w", err)
		}
		defer unix.Close(b.first + offset)
	}
	path := ipc.ExecPath(b.first + ipc.HelperOffset)
	pid, err := syscall.ForkExec(path, []string{"walisup-helper"}, &syscall.ProcAttr{
		Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return fmt.Errorf("start compiling helper: %w", err)
	}
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return fmt.Errorf("wait for compiling helper: %w", err)
		}
	}
	switch {
	case status.Signaled():
		if status.Signal() == unix.SIGKILL {
			report.Write("walisup: " + b.Module + ": the compiling helper was killed; is there enough memory?\n")
		}
		die(status.Signal())
	case status.ExitStatus() != 0:
		os.Exit(status.ExitStatus())
	}
	return nil
}
