package instance

import (
	"slices"

	"walisup/ipc"
)

// Module is how the helper runs the module.
type Module struct {
	CacheDir    Text   `json:"cache_dir,omitempty"` // absolute; empty for none
	KeepDebug   bool   `json:"keep_debug"`
	PlainTables bool   `json:"plain_tables"`
	NativeExec  bool   `json:"native_exec"`
	Progress    bool   `json:"progress"`
	ListAdapted bool   `json:"list_adapted"`
	PerfMap     bool   `json:"perf_map"`
	Engine      string `json:"engine,omitempty"` // that was asked for; empty for any

	Layers []Layer `json:"layers,omitempty"`
}

// Layer is a module between the module and the system calls, see ipc.Layer.
type Layer struct {
	Path Text   `json:"path"` // absolute
	Args []Text `json:"args"`
}

// Confinement is what a guest is confined by that its helper carries out, see
// ipc.Confinement.
type Confinement struct {
	Limits    []Limit  `json:"limits,omitempty"`
	Root      Text     `json:"root,omitempty"`
	Dir       Text     `json:"dir,omitempty"` // working directory inside of Root
	Umask     *int     `json:"umask,omitempty"`
	UID       *int     `json:"uid,omitempty"`
	GID       *int     `json:"gid,omitempty"`
	SetGroups bool     `json:"set_groups,omitempty"`
	Groups    []int    `json:"groups,omitempty"` // if SetGroups
	Sandbox   *Sandbox `json:"sandbox,omitempty"`
	Seccomp   Text     `json:"seccomp,omitempty"` // a profile's name or file
	Filters   [][]byte `json:"filters,omitempty"` // what became of it: seccomp programs
}

// Limit is a resource limit of setrlimit(2).
type Limit struct {
	Resource int32  `json:"resource"`
	Soft     uint64 `json:"soft"`
	Hard     uint64 `json:"hard"`
}

// Sandbox is what a sandboxed guest can reach.
type Sandbox struct {
	Read    []Text   `json:"read,omitempty"`
	Write   []Text   `json:"write,omitempty"`
	Connect []uint16 `json:"connect,omitempty"`
	Listen  []uint16 `json:"listen,omitempty"`
	Net     bool     `json:"net"`
}

// SetBoot takes over from a boot record what flags decide. The error wraps
// ipc.ErrConfinement.
func (c *Command) SetBoot(b *ipc.Boot) error {
	confinement := ipc.NoConfinement()
	if err := confinement.UnmarshalText([]byte(b.Confine)); err != nil {
		return err
	}
	c.Confinement = recordedConfinement(&confinement)
	c.Module = Module{
		CacheDir: Text(b.CacheDir), KeepDebug: b.KeepDebug, PlainTables: b.PlainTables, NativeExec: b.NativeExec,
		Progress: b.Progress, ListAdapted: b.ListAdapted, PerfMap: b.PerfMap, Engine: b.Engine(),
	}
	for _, l := range b.Layers {
		c.Module.Layers = append(c.Module.Layers, Layer{Path: Text(l.Path), Args: Texts(l.Args)})
	}
	return nil
}

// Boot returns a boot record with what flags have decided.
func (c *Command) Boot() (ipc.Boot, error) {
	confinement := c.Confinement.confinement()
	text, err := confinement.MarshalText()
	m := &c.Module
	var layers []ipc.Layer
	for _, l := range m.Layers {
		layers = append(layers, ipc.Layer{Path: string(l.Path), Args: Strings(l.Args)})
	}
	boot := ipc.Boot{
		Layers: layers, CacheDir: string(m.CacheDir), KeepDebug: m.KeepDebug, PlainTables: m.PlainTables, NativeExec: m.NativeExec,
		Progress: m.Progress, ListAdapted: m.ListAdapted, PerfMap: m.PerfMap, Confine: string(text),
	}
	if failure := boot.SetEngine(m.Engine); err == nil {
		err = failure
	}
	return boot, err
}

func recordedConfinement(c *ipc.Confinement) Confinement {
	r := Confinement{
		Root: Text(c.Root), Dir: Text(c.Dir), Umask: known(c.Umask), UID: known(c.UID), GID: known(c.GID),
		SetGroups: c.SetGroups, Groups: slices.Clone(c.Groups), Seccomp: Text(c.Seccomp), Filters: slices.Clone(c.Filters),
	}
	for _, l := range c.Limits {
		r.Limits = append(r.Limits, Limit{Resource: l.Resource, Soft: l.Soft, Hard: l.Hard})
	}
	if s := c.Sandbox; s != nil {
		r.Sandbox = &Sandbox{
			Read: Texts(s.Read), Write: Texts(s.Write), Net: s.Net,
			Connect: slices.Clone(s.Connect), Listen: slices.Clone(s.Listen),
		}
	}
	return r
}

func (c *Confinement) confinement() ipc.Confinement {
	r := ipc.Confinement{
		Root: string(c.Root), Dir: string(c.Dir), Umask: orNone(c.Umask), UID: orNone(c.UID), GID: orNone(c.GID),
		SetGroups: c.SetGroups, Groups: c.Groups, Seccomp: string(c.Seccomp), Filters: c.Filters,
	}
	for _, l := range c.Limits {
		r.Limits = append(r.Limits, ipc.Limit{Set: true, Resource: l.Resource, Soft: l.Soft, Hard: l.Hard})
	}
	if s := c.Sandbox; s != nil {
		r.Sandbox = &ipc.Sandbox{Read: Strings(s.Read), Write: Strings(s.Write), Net: s.Net, Connect: s.Connect, Listen: s.Listen}
	}
	return r
}

// known turns what is -1 in a Confinement of package ipc into nothing.
func known(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

func orNone(n *int) int {
	if n == nil {
		return -1
	}
	return *n
}
