package pathguard

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestDevicesOfAllMemoryAreForbidden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		major, minor uint32
		want         Verdict
	}{
		{1, 1, Forbidden}, {1, 2, Forbidden}, {1, 4, Forbidden},
		{1, 3, Harmless}, {1, 5, Harmless}, {1, 9, Harmless}, {4, 1, Harmless}, {5, 2, Harmless},
	} {
		b := Statx(make([]byte, StatxSize))
		b[statxRdevMajor], b[statxRdevMinor] = byte(c.major), byte(c.minor)
		if got := judgeDevice(b); got != c.want {
			t.Errorf("device %d:%d: %d, want %d", c.major, c.minor, got, c.want)
		}
	}
}

func TestJudgeName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Verdict{
		"mem": Forbidden, "map_files": Forbidden, "numa_maps": Forbidden, "kcore": Forbidden,
		"maps": OwnMaps, "smaps": OwnSmaps, "smaps_rollup": OwnRollup, "auxv": OwnAuxv,
		"": Harmless, "me": Harmless, "memo": Harmless, "MEM": Harmless, "status": Harmless, "smaps_rollup2": Harmless,
	} {
		if got := judgeName([]byte(name)); got != want {
			t.Errorf("%q: %d, want %d", name, got, want)
		}
		if want > HelperExe && want.Name() != name {
			t.Errorf("%d is called %q, want %q", want, want.Name(), name)
		}
	}
	for _, v := range []Verdict{Harmless, Forbidden, Private, HelperExe} {
		if name := v.Name(); name != "" {
			t.Errorf("%d is called %q", v, name)
		}
	}
}

func TestVerdictAllows(t *testing.T) {
	t.Parallel()
	for v := Harmless; v <= OwnAuxv; v++ {
		if got, want := v.allows(How{}), v == Harmless || v == HelperExe; got != want {
			t.Errorf("%d, opened: %v", v, got)
		}
		if got, want := v.allows(How{Flags: unix.O_PATH}), v != Forbidden && v != Private; got != want {
			t.Errorf("%d, with O_PATH: %v", v, got)
		}
	}
}
