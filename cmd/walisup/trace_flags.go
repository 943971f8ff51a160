//go:build linux && amd64

package main

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/supervisor/tracelog"
)

// traceFlags say what of a guest's system calls is shown, and how.
type traceFlags struct {
	asked     bool   // somebody wants a trace
	file      string // where to; empty or "-" for standard error
	filters   []string
	strings   int
	clock     string
	durations bool
	summary   bool
	layers    bool
}

// registerStart adds the flags of start.
func (t *traceFlags) registerStart(flags *pflag.FlagSet) {
	flags.Var((*traceTarget)(t), "trace", "show the module's system calls like strace, on standard error or in a `file`; not with --detach")
	flags.Lookup("trace").NoOptDefVal = "-"
	t.register(flags, "trace-")
}

// traceTarget is the flag --trace[=FILE].
type traceTarget traceFlags

func (t *traceTarget) Set(file string) error {
	t.asked, t.file = true, file
	return nil
}

func (t *traceTarget) String() string { return t.file }
func (t *traceTarget) Type() string   { return "file" }

// register adds the flags with a prefix to their names, and letters as in strace
// if there is none.
func (t *traceFlags) register(flags *pflag.FlagSet, prefix string) {
	letter := func(short string) string {
		if prefix != "" {
			return ""
		}
		return short
	}
	flags.StringArrayVarP(&t.filters, prefix+"filter", letter("e"), nil,
		"show only the system calls of a `list`: names, or classes such as %file, with commas; with ! in front all others (repeatable)")
	flags.IntVarP(&t.strings, prefix+"strings", letter("s"), tracelog.DefaultStrings, "maximum `number` of bytes of a string to show")
	flags.StringVarP(&t.clock, prefix+"clock", letter("t"), "none", "`time` at the start of each line: none, seconds, micros (time of day), epoch, relative (since the line before)")
	flags.BoolVarP(&t.durations, prefix+"durations", letter("T"), false, "show the duration of each call in seconds")
	flags.BoolVarP(&t.summary, prefix+"summary", letter("c"), false, "show a table of counts and times at the end instead of the calls")
	flags.BoolVar(&t.layers, prefix+"layers", false, "also show the calls that layers make, after the layer's name")
}

func (t *traceFlags) config() (ipc.TraceConfig, error) {
	config := tracelog.All()
	if len(t.filters) > 0 {
		clear(config.Calls[:])
	}
	for _, filter := range t.filters {
		if err := tracelog.ParseFilter(filter, &config); err != nil {
			return config, err
		}
	}
	if t.strings < 0 || t.strings > ipc.MaxTraceStrings {
		return config, fmt.Errorf("strings of %d bytes cannot be shown, at most %d", t.strings, ipc.MaxTraceStrings)
	}
	config.Strings, config.Brief, config.Layers = t.strings, t.summary, t.layers
	return config, nil
}

// printer returns what writes the trace.
func (t *traceFlags) printer() (*tracelog.Printer, error) {
	clock, err := tracelog.ParseClock(t.clock)
	if err != nil {
		return nil, err
	}
	out := os.Stderr
	if t.file != "" && t.file != "-" {
		out, err = os.OpenFile(t.file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
	}
	return tracelog.NewPrinter(out, tracelog.Style{Clock: clock, Durations: t.durations, Summary: t.summary}), nil
}

// begin begins to write the trace of a guest that is about to be started. guest is
// the pipe that it is to have.
func (t *traceFlags) begin() (reader *tracelog.Reader, guest int, err error) {
	printer, err := t.printer()
	if err != nil {
		return nil, -1, err
	}
	pipe, guest, err := tracelog.NewPipe()
	if err != nil {
		return nil, -1, err
	}
	reader, err = tracelog.Start(pipe, printer)
	if err != nil {
		unix.Close(pipe)
		unix.Close(guest)
		return nil, -1, err
	}
	return reader, guest, nil
}
