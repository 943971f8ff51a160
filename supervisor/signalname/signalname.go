// Package signalname translates between signals and their names.
//
// The names are those of golang.org/x/sys/unix, in both directions.
// github.com/moby/sys/signal has only the one from names to numbers, and names the
// real-time signals in pairs of which each covers a half.
package signalname

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Real-time signals as the C library counts them: it keeps 32 and 33 for itself.
const (
	first    = 1
	realtime = 34
	last     = 64
)

// Of returns the name of a signal, such as SIGTERM, or its number if it has none.
func Of(sig unix.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return strconv.Itoa(int(sig))
}

// Parse reads the name of a signal, with or without SIG and in any case, or its number.
// Real-time signals are called RTMIN, RTMIN+1 and so on up to RTMAX.
func Parse(text string) (unix.Signal, error) {
	if number, err := strconv.Atoi(text); err == nil {
		if number < first || number > last {
			return 0, fmt.Errorf("%d is no signal; they go from %d to %d", number, first, last)
		}
		return unix.Signal(number), nil
	}
	name := "SIG" + strings.TrimPrefix(strings.ToUpper(text), "SIG")
	for prefix, base := range map[string]int{"SIGRTMIN": realtime, "SIGRTMAX": last} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		offset, err := strconv.Atoi(rest)
		if rest == "" {
			offset, err = 0, nil
		}
		if n := base + offset; err == nil && n >= realtime && n <= last {
			return unix.Signal(n), nil
		}
	}
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("%q is no signal", text)
}

// Names returns the names without SIG of all signals but the real-time ones.
func Names() []string {
	var names []string
	for sig := unix.Signal(first); sig < realtime; sig++ {
		if name := unix.SignalName(sig); name != "" {
			names = append(names, strings.TrimPrefix(name, "SIG"))
		}
	}
	return names
}
