package monitor

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"walisup/ipc/stagezero"
	"walisup/supervisor"
	"walisup/supervisor/control"
	"walisup/supervisor/instance"
)

// Command is the first argument of a walisup that is a monitor. Its others are
// the state directory, the instance's id and what to do.
const Command = "monitor"

const (
	orderStart = "start"
	orderAdopt = "adopt"
)

// reportFD is where a monitor says how its start went.
const reportFD = 3

// errorFile is where a monitor's own standard error goes: reports of crashes.
const errorFile = "monitor.err"

// startReport is what it says, as JSON.
type startReport struct {
	Status  int    `json:"status"` // to exit with; 0 if the guest runs
	Message string `json:"message,omitempty"`
}

// Spawn starts a monitor for a new instance and returns when the guest runs. If
// it could not be started the error says why, wraps a [supervisor.Error] with the
// status to exit with, and the instance is gone.
//
// Precondition: called from the main goroutine, locked to the main thread. The
// caller's descriptors from 3 on become close-on-exec.
func Spawn(i *instance.Instance) error {
	report, err := spawn(i, orderStart)
	if err == nil && report.Status != 0 {
		err = &supervisor.Error{Status: report.Status, Err: errors.New(report.Message)}
	}
	if err != nil {
		// A monitor that could say why has done this itself.
		i.Reload()
		control.Kill(i)
		i.Refresh()
		i.Discard()
	}
	return err
}

// Adopt starts a monitor for an instance that has lost its own. If another
// command does the same at that time, one of the two monitors gives way.
//
// Precondition: as for [Spawn].
func Adopt(i *instance.Instance) error {
	report, err := spawn(i, orderAdopt)
	if err == nil && report.Status != 0 {
		err = errors.New(report.Message)
	}
	return err
}

func spawn(i *instance.Instance, order string) (startReport, error) {
	if !stagezero.Active() {
		return startReport{}, &supervisor.Error{Status: supervisor.ExitOwn,
			Err: errors.New("this walisup was linked without its entry point; build it with make")}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return startReport{}, err
	}
	defer null.Close()
	stderr := null.Fd()
	if file, err := os.OpenFile(i.File(errorFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err == nil {
		defer file.Close()
		stderr = file.Fd()
	}
	read, write, err := os.Pipe()
	if err != nil {
		return startReport{}, err
	}
	defer read.Close()
	// What the caller has left open is not for the monitor, which lives long.
	unix.CloseRange(reportFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	_, err = syscall.ForkExec("/proc/self/exe", []string{"walisup", Command, i.Store().Dir(), i.ID, order}, &syscall.ProcAttr{
		Dir:   "/",
		Env:   monitorEnvironment(),
		Files: []uintptr{null.Fd(), null.Fd(), stderr, write.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	write.Close()
	if err != nil {
		return startReport{}, fmt.Errorf("start monitor: %w", err)
	}
	data, err := io.ReadAll(read)
	if err != nil {
		return startReport{}, fmt.Errorf("start monitor: %w", err)
	}
	var report startReport
	if err := json.Unmarshal(data, &report); err != nil {
		said, _ := os.ReadFile(i.File(errorFile))
		first, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
		return report, fmt.Errorf("the monitor has ended unexpectedly (%s)", cmp.Or(first, "it said nothing"))
	}
	return report, nil
}

// monitorEnvironment is little: the guest's is in the record, and a monitor needs
// to find the helper.
func monitorEnvironment() []string {
	var env []string
	for _, name := range []string{"PATH", "TZ"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
