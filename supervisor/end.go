package supervisor

import "golang.org/x/sys/unix"

// End is how a process has ended.
type End struct {
	Status int         // as a shell writes it: the process's own, or ExitSignal plus the signal's number
	Signal unix.Signal // that ended it, 0 if none did
}

// EndOf reads the wait status of a process that has ended.
func EndOf(ws unix.WaitStatus) End {
	if ws.Signaled() {
		return End{Status: ExitSignal + int(ws.Signal()), Signal: ws.Signal()}
	}
	return End{Status: ws.ExitStatus()}
}
