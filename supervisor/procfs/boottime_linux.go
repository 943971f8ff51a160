package procfs

import (
	"time"

	"golang.org/x/sys/unix"
)

// BootTime is when the machine was started, by the clocks that it has now.
func BootTime() time.Time {
	var boot, real unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_REALTIME, &real) != nil {
		return time.Time{}
	}
	return time.Unix(0, real.Nano()-boot.Nano())
}
