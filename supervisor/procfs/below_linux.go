package procfs

import (
	"cmp"
	"slices"
)

// mostProcesses bounds a tree that grows as fast as it is looked at.
const mostProcesses = 1 << 16

// Below returns those of the roots that are there, and all their descendants, each once
// and after its parent, siblings in the order in which they started. They are read one
// after the other: one that starts or moves meanwhile may be missing.
func Below(roots ...Identity) []Stat {
	var found []Stat
	seen := map[int]bool{}
	var visit func(p Stat)
	visit = func(p Stat) {
		if seen[p.Pid] || len(found) >= mostProcesses {
			return
		}
		seen[p.Pid] = true
		found = append(found, p)
		var children []Stat
		for _, pid := range Children(p.Pid) {
			// What cannot be read has just ended, or is hidden from us (hidepid).
			if child, err := ReadStat(pid); err == nil {
				children = append(children, child)
			}
		}
		slices.SortFunc(children, func(a, b Stat) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Pid, b.Pid))
		})
		for _, child := range children {
			visit(child)
		}
	}
	for _, root := range roots {
		if p, err := ReadStat(root.Pid); err == nil && p.Start == root.Start {
			visit(p)
		}
	}
	return found
}

// maxDepth bounds a chain of parents that changes while it is followed, and could lead in
// a circle.
const maxDepth = 1 << 12

// Descends reports whether process pid is ancestor or one of its living descendants.
func Descends(pid, ancestor int) bool {
	for range maxDepth {
		if pid == ancestor {
			return true
		}
		p, err := ReadStat(pid)
		if err != nil || p.Parent == 0 {
			return false
		}
		pid = p.Parent
	}
	return false
}
