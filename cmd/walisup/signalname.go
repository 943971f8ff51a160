//go:build linux && amd64

package main

import (
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"walisup/supervisor/signalname"
)

// signalFlag is a flag whose value is a signal's name, with or without SIG, or its
// number.
type signalFlag unix.Signal

func (s *signalFlag) String() string { return signalname.Of(unix.Signal(*s)) }
func (s *signalFlag) Type() string   { return "signal" }

func (s *signalFlag) Set(text string) error {
	sig, err := signalname.Parse(text)
	if err == nil {
		*s = signalFlag(sig)
	}
	return err
}

func completeSignals(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return signalname.Names(), cobra.ShellCompDirectiveNoFileComp
}
