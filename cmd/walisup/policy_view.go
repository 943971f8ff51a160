//go:build linux && amd64

package main

import (
	"walisup/supervisor/instance"
	"walisup/supervisor/procfs"
)

// policyView is what an instance has of files, network and system calls, for people and
// scripts.
type policyView struct {
	Sandbox bool     `json:"sandbox"`
	Read    []string `json:"allow_read"`
	Write   []string `json:"allow_write"`
	Connect []uint16 `json:"allow_connect"`
	Listen  []uint16 `json:"allow_listen"`
	Net     bool     `json:"allow_net"`
	Seccomp string   `json:"seccomp"` // default, none or the file of a profile

	// Kernel is what the kernel says of the main process, if it runs.
	Kernel *kernelPolicy `json:"kernel,omitempty"`
}

// kernelPolicy is a procfs.Security. Landlock does not show there.
type kernelPolicy struct {
	NoNewPrivileges bool   `json:"no_new_privileges"`
	SeccompFilters  int    `json:"seccomp_filters"`
	Capabilities    string `json:"effective_capabilities"` // hexadecimal
}

// newPolicyView shows a confinement, of the process pid, which is 0 if there is none.
func newPolicyView(c *instance.Confinement, pid int) *policyView {
	v := &policyView{Seccomp: "none", Read: []string{}, Write: []string{}, Connect: []uint16{}, Listen: []uint16{}}
	if c.Seccomp != "" {
		v.Seccomp = string(c.Seccomp)
	}
	if s := c.Sandbox; s != nil {
		v.Sandbox, v.Net = true, s.Net
		v.Read, v.Write = append(v.Read, instance.Strings(s.Read)...), append(v.Write, instance.Strings(s.Write)...)
		v.Connect, v.Listen = append(v.Connect, s.Connect...), append(v.Listen, s.Listen...)
	}
	if pid == 0 {
		return v
	}
	if security, err := procfs.ReadSecurity(pid); err == nil {
		v.Kernel = (*kernelPolicy)(&security)
	}
	return v
}
