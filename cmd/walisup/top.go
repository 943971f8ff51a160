//go:build linux && amd64

package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"walisup/supervisor/control"
	"walisup/supervisor/procfs"
	"walisup/supervisor/proctree"
)

func newTopCommand(state *stateFlag) *cobra.Command {
	var format formatFlag
	cmd := &cobra.Command{
		Use:   "top [flags] instance",
		Short: "List the processes of an instance as a tree",
		Long: `top lists the processes of an instance, each below its parent, with state, number of
threads, processor time and resident memory. It prints them once.`,
		Example: `  walisup top cache
  walisup top cache --format '{{.Pid}} {{.Parent}} {{.State}}'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: state.complete(1, isActive),
		RunE: func(cmd *cobra.Command, args []string) error {
			return printTree(cmd, state, args[0], format)
		},
	}
	format.register(cmd, formatTable)
	return cmd
}

// processView is a process as top shows it.
type processView struct {
	Pid     int      `json:"pid"`
	Parent  int      `json:"parent"`
	Group   int      `json:"process_group"`
	Session int      `json:"session"`
	State   string   `json:"state"` // a letter, see ps(1)
	Threads int      `json:"threads"`
	CPU     float64  `json:"cpu_seconds"`
	Memory  uint64   `json:"memory_bytes"` // resident
	Module  string   `json:"module"`       // path of the module, or of the program if native
	Native  bool     `json:"native"`
	Forks   uint64   `json:"forks"`
	Execs   uint64   `json:"execs"`
	Command []string `json:"command"` // its arguments, the first being the name it was called by
	Depth   int      `json:"depth"`   // in the tree, 0 for the main process

	name string
}

func printTree(cmd *cobra.Command, state *stateFlag, reference string, format formatFlag) error {
	i, err := state.find(reference)
	if err != nil {
		return err
	}
	if !isActive(i) {
		return notActive(i)
	}
	return printList(cmd.OutOrStdout(), format, processViews(control.Snapshot(i).Processes), []column[processView]{
		{"PID", func(p processView) string { return strconv.Itoa(p.Pid) }},
		{"PPID", func(p processView) string { return strconv.Itoa(p.Parent) }},
		{"STATE", func(p processView) string { return p.State }},
		{"THREADS", func(p processView) string { return strconv.Itoa(p.Threads) }},
		{"CPU", func(p processView) string { return formatCPU(p.CPU) }},
		{"MEMORY", func(p processView) string { return formatSize(int64(p.Memory)) }},
		{"MODULE", processView.module},
		{"COMMAND", processView.tree},
	})
}

// processViews shows those processes of an instance that have not ended, and zombies,
// each below its parent.
func processViews(found []proctree.Process) []processView {
	children := map[int][]*proctree.Process{}
	here := map[int]bool{}
	for n := range found {
		here[found[n].PID] = here[found[n].PID] || found[n].State != 0
	}
	for n := range found {
		p := &found[n]
		if p.State == 0 {
			continue
		}
		parent := p.Parent
		if !here[parent] {
			parent = 0 // walisup, or init
		}
		children[parent] = append(children[parent], p)
	}
	views := []processView{}
	var visit func(parent, depth int)
	visit = func(parent, depth int) {
		list := children[parent]
		delete(children, parent) // no circles
		for _, p := range list {
			views = append(views, newProcessView(p, depth))
			visit(p.PID, depth+1)
		}
	}
	visit(0, 0)
	return views
}

func newProcessView(p *proctree.Process, depth int) processView {
	return processView{
		Pid: p.PID, Parent: p.Parent, Group: p.Group, Session: p.Session,
		State: string(p.State), Threads: p.Threads, CPU: p.CPU.Seconds(), Memory: p.Resident,
		Module: p.Module, Native: p.Native, Forks: p.Forks, Execs: p.Execs,
		Command: procfs.CommandLine(p.PID), Depth: depth, name: p.Name,
	}
}

func (p processView) module() string {
	if p.Native {
		return filepath.Base(p.Module) + " (native)"
	}
	if p.Module == "" {
		return "-"
	}
	return filepath.Base(p.Module)
}

// tree writes the command line with a mark of its depth.
func (p processView) tree() string {
	words := make([]string, len(p.Command))
	for n, word := range p.Command {
		words[n] = quote(word)
	}
	text := strings.Join(words, " ")
	if text == "" {
		text = "[" + p.name + "]" // has ended, or has no arguments
	}
	if p.Depth > 0 {
		text = strings.Repeat("  ", p.Depth-1) + "└ " + text
	}
	return text
}

func formatCPU(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return fmt.Sprintf("%.2fs", seconds)
	}
	return d.Round(time.Second).String()
}
