//go:build linux && (amd64 || arm64)

package memory

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// region is a line of /proc/self/maps, in guest addresses.
type region struct {
	start, end uint64
	perms      string
}

// kernelRegions returns what the kernel has mapped in the reservation.
func kernelRegions(t testing.TB, m *Memory) []region {
	t.Helper()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	var regions []region
	for line := range strings.Lines(string(text)) {
		var start, end uintptr
		var perms string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &start, &end, &perms); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if end > m.base && start < m.base+span {
			// The kernel may have merged ours with a stranger's.
			start, end = max(start, m.base), min(end, m.base+span)
			regions = append(regions, region{uint64(start - m.base), uint64(end - m.base), perms})
		}
	}
	return regions
}

// checkKernel compares the page map with the kernel's: every mapped page has
// the protection it should have, every other is reserved, none is a hole.
func checkKernel(t testing.TB, m *Memory) {
	t.Helper()
	at := uint64(0)
	for _, r := range kernelRegions(t, m) {
		if r.start != at {
			t.Fatalf("a hole from %#x to %#x", at, r.start)
		}
		for at < r.end {
			a, mapped := m.areas.find(at)
			end := a.end
			perms := make([]byte, 4)
			copy(perms, "---p")
			if !mapped {
				end = span
				if i := m.areas.at(at); i < len(m.areas.list) {
					end = m.areas.list[i].start
				}
				for _, h := range []ahead{m.aboveBreak, m.belowHeap} {
					if h.start <= at && at < h.end {
						copy(perms, "rw-p")
						end = min(end, h.end)
					} else if at < h.start {
						end = min(end, h.start)
					}
				}
			} else {
				if a.prot&unix.PROT_READ != 0 {
					perms[0] = 'r'
				}
				if a.prot&unix.PROT_WRITE != 0 {
					perms[1] = 'w'
				}
				if a.kind == shared {
					perms[3] = 's'
				}
			}
			if r.perms != string(perms) {
				t.Fatalf("the kernel has %s at %#x, the page map %s", r.perms, at, perms)
			}
			at = min(end, r.end)
		}
	}
	for _, h := range []ahead{m.aboveBreak, m.belowHeap} {
		if h != (ahead{}) && (h.start >= h.end || !m.areas.free(h.start, h.end)) {
			t.Fatalf("mapped ahead: %+v", h)
		}
	}
	if at != span {
		t.Fatalf("a hole from %#x to %#x", at, uint64(span))
	}
	checkAreas(t, &m.areas)
}

// checkAreas checks what the page map promises about itself.
func checkAreas(t testing.TB, as *areas) {
	t.Helper()
	var bytes, last uint64
	for i, a := range as.list {
		if a.start < last || a.start >= a.end || (a.start|a.end)&pageMask != 0 {
			t.Fatalf("area %d is bad: %+v after %#x", i, a, last)
		}
		if i > 0 && as.list[i-1].mergesWith(a) {
			t.Fatalf("areas are not merged: %+v and %+v", as.list[i-1], a)
		}
		bytes += a.size()
		last = a.end
	}
	if bytes != as.bytes {
		t.Fatalf("the sum of sizes is %d, counted %d", bytes, as.bytes)
	}
}
