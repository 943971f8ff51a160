//go:build linux && amd64

package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// signalFlag is a flag whose value is a signal's name, with or without SIG, or its
// number.
type signalFlag unix.Signal

func (s *signalFlag) String() string { return signalName(unix.Signal(*s)) }
func (s *signalFlag) Type() string   { return "signal" }

func (s *signalFlag) Set(text string) error {
	if number, err := strconv.Atoi(text); err == nil {
		if number < 1 || number > 64 {
			return fmt.Errorf("%d is no signal; they go from 1 to 64", number)
		}
		*s = signalFlag(number)
		return nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	for _, base := range []struct {
		name   string
		number int
	}{{"SIGRTMIN", 34}, {"SIGRTMAX", 64}} {
		rest, ok := strings.CutPrefix(name, base.name)
		offset, err := strconv.Atoi(strings.TrimPrefix(rest, "+"))
		if rest == "" {
			offset, err = 0, nil
		}
		if n := base.number + offset; ok && err == nil && n >= 34 && n <= 64 {
			*s = signalFlag(n)
			return nil
		}
	}
	number := unix.SignalNum(name)
	if number == 0 {
		return fmt.Errorf("%q is no signal", text)
	}
	*s = signalFlag(number)
	return nil
}

func signalName(sig unix.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return strconv.Itoa(int(sig))
}

func completeSignals(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for sig := unix.Signal(1); sig < 32; sig++ {
		if name := unix.SignalName(sig); name != "" {
			names = append(names, strings.TrimPrefix(name, "SIG"))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
