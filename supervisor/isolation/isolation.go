package isolation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Spec says what an instance is kept from. The zero value keeps it from nothing.
type Spec struct {
	Memory int64   `json:"memory,omitempty"`     // bytes, 0 for no limit
	CPUs   float64 `json:"cpus,omitempty"`       // how many processors' time, 0 for all
	Pids   int64   `json:"pids_limit,omitempty"` // threads, ours included; 0 for no limit
	Net    Network `json:"net,omitempty"`

	// Join is a process whose namespaces and control groups are to be entered
	// instead of new ones; 0 for none.
	Join int `json:"-"`
}

// Network says which network an instance has.
type Network string

// The networks that an instance can have.
const (
	Host    Network = "host"    // the caller's; so is ""
	None    Network = "none"    // only a loopback device
	Private Network = "private" // also a veth device whose other end is the caller's
)

// ParseNetwork reads the name of a network.
func ParseNetwork(name string) (Network, error) {
	switch n := Network(name); n {
	case "", Host, None, Private:
		return n, nil
	}
	return "", fmt.Errorf("%q is none of host, none, private", name)
}

// limited reports whether control groups are needed.
func (s *Spec) limited() bool { return s.Memory != 0 || s.CPUs != 0 || s.Pids != 0 }

// With returns the limits with those of other that are given.
func (s Spec) With(other *Spec) Spec {
	s.Memory, s.CPUs, s.Pids = cmp.Or(other.Memory, s.Memory), cmp.Or(other.CPUs, s.CPUs), cmp.Or(other.Pids, s.Pids)
	return s
}

// Allows reports whether the limits of an instance that was started with s can be
// changed to those of other that are given. The error wraps ErrNoLimits.
func (s *Spec) Allows(other *Spec) error {
	have := controllers(s)
	for _, controller := range controllers(other) {
		if !slices.Contains(have, controller) {
			return fmt.Errorf("%s: %w", controller, ErrNoLimits)
		}
	}
	return nil
}

// Check finds values that make no sense.
func (s *Spec) Check() error {
	switch {
	case s.Memory < 0 || s.Memory != 0 && s.Memory < minMemory:
		return fmt.Errorf("a memory limit of %d bytes is too small, a helper alone needs %d", s.Memory, minMemory)
	case s.CPUs != s.CPUs || s.CPUs > maxCPUs:
		return fmt.Errorf("%g processors: at most %d are possible", s.CPUs, maxCPUs)
	case s.CPUs < 0 || s.CPUs != 0 && s.CPUs < minCPUs:
		return fmt.Errorf("%g processors are too few, at least %g are possible", s.CPUs, minCPUs)
	case s.Pids > maxPids:
		return fmt.Errorf("a limit of %d threads is no limit: Linux has at most %d", s.Pids, maxPids)
	case s.Pids < 0 || s.Pids != 0 && s.Pids < minPids:
		return fmt.Errorf("a limit of %d threads is too small, a helper alone needs %d", s.Pids, minPids)
	}
	return nil
}

const (
	minMemory = 8 << 20
	minCPUs   = 0.01
	minPids   = 16

	// Beyond these the kernel has no numbers (PID_MAX_LIMIT), or ours overflow.
	maxCPUs = 1 << 20
	maxPids = 1 << 22
)

// Place is where processes of an instance are to be started.
type Place struct {
	spec    Spec
	groups  groups
	network int // descriptor of a namespace, or -1
}

// Prepare makes what spec asks for. The errors say which right is missing.
func Prepare(spec Spec) (*Place, error) {
	p := &Place{spec: spec, network: -1}
	if err := spec.Check(); err != nil {
		return nil, err
	}
	var err error
	switch {
	case spec.Join != 0 && spec.limited():
		p.groups, err = groupsOf(spec.Join)
	case spec.Join == 0 && spec.limited():
		p.groups, err = makeGroups(&spec)
	}
	if err == nil {
		p.network, err = makeNetwork(&spec)
	}
	if err != nil {
		p.Remove()
		return nil, err
	}
	return p, nil
}

// Release gives up what was needed to start processes; those that were started keep
// the place as it is.
func (p *Place) Release() {
	if p != nil && p.network >= 0 {
		unix.Close(p.network)
		p.network = -1
	}
}

// Enter puts the calling thread into the place, so that a child that it makes is
// there. The thread must end soon after, and until then do nothing else. cgroup is
// a descriptor of the control group that the child is to be born into, -1 if there
// is none, and the caller's to close.
//
// The thread may have a descriptor table of its own: only raw system calls are made.
//
// Preconditions: the caller is locked to its thread, which is not the main thread.
func (p *Place) Enter() (cgroup int, err error) {
	if p == nil {
		return -1, nil
	}
	if err := enterNetwork(p.network); err != nil {
		return -1, err
	}
	return p.groups.enter()
}

// Groups returns the control groups that Prepare has made. They are the caller's to
// remove if Remove is not called.
func (p *Place) Groups() Groups {
	if p == nil || p.spec.Join != 0 {
		return Groups{}
	}
	return Groups{p.groups}
}

// Remove removes what Prepare has made; nothing may run there any more.
func (p *Place) Remove() error {
	if p == nil {
		return nil
	}
	p.Release()
	if p.spec.Join != 0 {
		return nil
	}
	return p.groups.remove()
}

// ErrNoLimits says that an instance has been started without limits.
var ErrNoLimits = errors.New("it was started without limits: no control group to set them on")
