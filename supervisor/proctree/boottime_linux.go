package proctree

import (
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of start times in /proc: USER_HZ is 100 on all architectures that
// Go runs on.
const tick = 10 * time.Millisecond

// bootTime is when the machine was started, by the clocks that it has now.
func bootTime() time.Time {
	var boot, real unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_REALTIME, &real) != nil {
		return time.Time{}
	}
	return time.Unix(0, real.Nano()-boot.Nano())
}
