package isolation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Config says what an instance is kept from. The zero value keeps it from nothing.
type Config struct {
	Memory int64   `json:"memory,omitempty"`     // bytes, 0 for no limit
	CPUs   float64 `json:"cpus,omitempty"`       // how many processors' time, 0 for all
	Pids   int64   `json:"pids_limit,omitempty"` // threads, ours included; 0 for no limit
	Net    Network `json:"net,omitempty"`

	// Join is a process whose namespaces and cgroups are to be entered
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

// limited reports whether cgroups are needed.
func (s *Config) limited() bool { return s.Memory != 0 || s.CPUs != 0 || s.Pids != 0 }

// With returns the limits with those of other that are given.
func (s Config) With(other *Config) Config {
	s.Memory, s.CPUs, s.Pids = cmp.Or(other.Memory, s.Memory), cmp.Or(other.CPUs, s.CPUs), cmp.Or(other.Pids, s.Pids)
	return s
}

// Allows reports whether the limits of an instance that was started with s can be
// changed to those of other that are given. The error wraps ErrNoLimits.
func (s *Config) Allows(other *Config) error {
	have := controllers(s)
	for _, controller := range controllers(other) {
		if !slices.Contains(have, controller) {
			return fmt.Errorf("%s: %w", controller, ErrNoLimits)
		}
	}
	return nil
}

// Check finds values that make no sense.
func (s *Config) Check() error {
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

// Objects are the kernel objects that isolate an instance: cgroups and a network
// namespace. The methods may be called of nil, which isolates from nothing.
type Objects struct {
	config  Config
	cgroups Cgroups
	network int // descriptor of a namespace, or -1
}

// Prepare makes what config asks for. The errors say which right is missing.
func Prepare(config Config) (*Objects, error) {
	o := &Objects{config: config, network: -1}
	if err := config.Check(); err != nil {
		return nil, err
	}
	var err error
	switch {
	case config.Join != 0 && config.limited():
		o.cgroups, err = cgroupsOf(config.Join)
	case config.Join == 0 && config.limited():
		o.cgroups, err = makeCgroups(&config)
	}
	if err == nil {
		o.network, err = makeNetwork(&config)
	}
	if err != nil {
		o.Remove()
		return nil, err
	}
	return o, nil
}

// Release gives up what was needed to start processes; those that were started stay
// isolated.
func (o *Objects) Release() {
	if o != nil && o.network >= 0 {
		unix.Close(o.network)
		o.network = -1
	}
}

// Enter moves the calling thread into the namespace and the cgroups, so that a child that
// it makes is there. The thread must end soon after, and until then do nothing else.
// cgroup is a descriptor of the cgroup that the child is to be born into, -1 if there
// is none, and the caller's to close.
//
// The thread may have a descriptor table of its own: only raw system calls are made.
//
// Preconditions: the caller is locked to its thread, which is not the main thread.
func (o *Objects) Enter() (cgroup int, err error) {
	if o == nil {
		return -1, nil
	}
	if err := enterNetwork(o.network); err != nil {
		return -1, err
	}
	return o.cgroups.enter()
}

// Cgroups returns the cgroups that Prepare has made; none if it has joined those of
// another process. They are the caller's to remove if Remove is not called.
func (o *Objects) Cgroups() Cgroups {
	if o == nil || o.config.Join != 0 {
		return nil
	}
	return o.cgroups
}

// Remove removes what Prepare has made; nothing may run there any more.
func (o *Objects) Remove() error {
	if o == nil {
		return nil
	}
	o.Release()
	return o.Cgroups().Remove()
}

// ErrNoLimits says that an instance has been started without limits.
var ErrNoLimits = errors.New("it was started without limits: no cgroup to set them on")
