package instance

import (
	"time"

	"walisup/supervisor/isolation"
	"walisup/supervisor/procfs"
)

// Record is what the state directory says of an instance. What its State says was
// true when the record was written; [Instance.Condition] tells what is true now.
type Record struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	BootID  string    `json:"boot_id"` // of the machine when the record was written
	Options Options   `json:"options"`
	Command Command   `json:"command"`
	State   State     `json:"state"`
}

// recordVersion changes with the meaning of what a record holds. There are no records of
// other versions that are read: those of a release that went before are refused with an
// error that says so, see [Instance.Reload].
const recordVersion = 3

// Options say how an instance is looked after.
type Options struct {
	Detached    bool          `json:"detached"`
	Remove      bool          `json:"remove"` // when it has ended
	Terminal    bool          `json:"terminal"`
	Restart     RestartPolicy `json:"restart"`
	StopSignal  int           `json:"stop_signal"`
	StopTimeout time.Duration `json:"stop_timeout_ns"`
	PidFile     Text          `json:"pid_file,omitempty"`
	LogSize     int64         `json:"log_size"`  // bytes in one file of the log
	LogFiles    int           `json:"log_files"` // how many are kept
}

// Command is what the instance runs, and what it inherits from whoever started
// it.
type Command struct {
	Argv0   Text      `json:"argv0"`
	Path    Text      `json:"path"` // of the module, absolute
	Args    []Text    `json:"args"`
	Env     []Text    `json:"env"`
	Dir     Text      `json:"dir"`              // absolute
	Helper  Text      `json:"helper,omitempty"` // absolute; empty for the one beside walisup
	Files   uint64    `json:"max_files,omitempty"`
	Module  Module    `json:"module"`
	Ignored uint64    `json:"ignored_signals"` // bit n-1 for signal n
	Mask    uint64    `json:"signal_mask"`
	NoFile  [2]uint64 `json:"no_file"` // soft and hard RLIMIT_NOFILE
	Umask   int       `json:"umask"`

	Isolation   isolation.Config `json:"isolation"`
	Confinement Confinement      `json:"confinement"`

	// Rows and Columns are the size of the terminal, if it has one of its own.
	Rows    uint16 `json:"rows,omitempty"`
	Columns uint16 `json:"columns,omitempty"`
}

// Phase is where an instance is in its life.
type Phase string

// The phases of an instance.
const (
	Starting   Phase = "starting" // its main process loads the module, or is not there yet
	Running    Phase = "running"
	Paused     Phase = "paused"
	Restarting Phase = "restarting" // waits to be started again
	Stopping   Phase = "stopping"   // its main process has ended, others are being ended
	Exited     Phase = "exited"
)

// Other is the first process of an exec, and the walisup that stands in for it: it
// stops when that does, and ends with it.
type Other struct {
	procfs.Identity
	StandIn procfs.Identity `json:"stand_in"`
}

// Roots returns the first processes of the instance: the main one and those of exec.
func (s *State) Roots() []procfs.Identity {
	roots := []procfs.Identity{s.Main}
	for _, other := range s.Others {
		roots = append(roots, other.Identity)
	}
	return roots
}

// State changes in the course of an instance's life.
type State struct {
	Phase    Phase           `json:"phase"`
	Monitor  procfs.Identity `json:"monitor"`          // walisup itself if not detached
	Main     procfs.Identity `json:"main"`             // the guest's first process
	Starter  procfs.Identity `json:"starter,omitzero"` // what starts the monitor, until that is there
	Others   []Other         `json:"others,omitempty"`
	Started  time.Time       `json:"started,omitzero"`
	Finished time.Time       `json:"finished,omitzero"`

	// Status is the exit status: the guest's, or 128 plus the signal that ended
	// it. It counts if StatusKnown is true.
	Status      int  `json:"status"`
	StatusKnown bool `json:"status_known"`
	Signal      int  `json:"signal,omitempty"` // that ended it

	Restarts int      `json:"restarts"`
	InARow   int      `json:"restarts_in_a_row,omitempty"` // see package lifecycle
	Cgroups  []string `json:"cgroups,omitempty"`           // directories of those that were made for the run
	Stopped  bool     `json:"stopped"`                     // somebody asked for its end: no restart
	Problems []string `json:"problems,omitempty"`          // what went wrong and was lost
}
