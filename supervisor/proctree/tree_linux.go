package proctree

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// Snapshot is the processes of the machine, by pid, read one after the other:
// one that starts or moves meanwhile may be missing.
type Snapshot map[int]Process

// Take reads all processes that /proc shows to the caller.
func Take() (Snapshot, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	all := make(Snapshot, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		// What cannot be read has just ended, or is hidden from us (hidepid).
		if p, err := Read(pid); err == nil {
			all[pid] = p
		}
	}
	return all, nil
}

// Below returns those of the roots that are there, and all their descendants,
// each once and after its parent, siblings in the order in which they started.
func (s Snapshot) Below(roots ...Identity) []Process {
	children := make(map[int][]Process, len(s))
	for _, p := range s {
		children[p.Parent] = append(children[p.Parent], p)
	}
	for _, list := range children {
		slices.SortFunc(list, func(a, b Process) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Pid, b.Pid))
		})
	}
	var found []Process
	seen := map[int]bool{}
	var visit func(p Process)
	visit = func(p Process) {
		if seen[p.Pid] {
			return
		}
		seen[p.Pid] = true
		found = append(found, p)
		for _, child := range children[p.Pid] {
			visit(child)
		}
	}
	for _, root := range roots {
		if p, ok := s[root.Pid]; ok && p.Start == root.Start {
			visit(p)
		}
	}
	return found
}
