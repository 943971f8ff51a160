//go:build linux && amd64

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
	"walisup/supervisor/journal"
)

func newLogsCommand(state *stateFlag) *cobra.Command {
	l := logPrinter{}
	var follow bool
	var since, until string
	cmd := &cobra.Command{
		Use:   "logs [flags] instance",
		Short: "Print what a detached instance has written",
		Long: `logs prints what a detached instance has written to its standard output and standard
error, to the same streams of the caller. With --follow it continues until the instance
ends.

A time is a duration before now, such as 10m, a date and time, such as 2026-03-01 or
2026-03-01T12:00:00, or the seconds since 1970.`,
		Example: `  walisup logs --tail 20 --follow cache
  walisup logs --since 10m --timestamps cache`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: state.complete(1, func(i *instance.Instance) bool { return i.Options.Detached }),
		RunE: func(cmd *cobra.Command, args []string) error {
			i, err := state.find(args[0])
			if err != nil {
				return err
			}
			if !i.Options.Detached {
				return fmt.Errorf("instance %s runs in the foreground and has no log: its output goes where that of its walisup (process %d) goes",
					i.Name, i.State.Monitor.Pid)
			}
			now := time.Now()
			if l.since, err = parseTime(since, now); err != nil {
				return fmt.Errorf("--since: %w", err)
			}
			if l.until, err = parseTime(until, now); err != nil {
				return fmt.Errorf("--until: %w", err)
			}
			l.out, l.err = bufio.NewWriter(cmd.OutOrStdout()), bufio.NewWriter(cmd.ErrOrStderr())
			return l.print(i, follow)
		},
	}
	l.tail = -1
	flags := cmd.Flags()
	flags.BoolVarP(&follow, "follow", "f", false, "continue until the instance ends")
	flags.StringVar(&since, "since", "", "print only lines after this `time`")
	flags.StringVar(&until, "until", "", "print only lines before this `time`")
	flags.VarP(countFlag{value: &l.tail, most: math.MaxInt32, words: map[string]int{"all": -1}}, "tail", "n", "print only the last lines, this `number`, or all (default: all)")
	flags.BoolVarP(&l.timestamps, "timestamps", "t", false, "print the time of each line")
	flags.Lookup("tail").DefValue = ""
	return cmd
}

// logPrinter prints lines of a journal.
type logPrinter struct {
	since, until time.Time
	tail         int // lines, -1 for all
	timestamps   bool
	out, err     *bufio.Writer
	inLine       [2]bool // the last line on out, err was a partial one
}

func (l *logPrinter) print(i *instance.Instance, follow bool) error {
	watch := control.NewWatch(i)
	defer watch.Close()
	r := journal.NewReader(i.File(instance.LogFile))
	defer r.Close()
	if err := l.printTail(r); err != nil {
		return err
	}
	for follow {
		// The condition before the last look: what was written until then is seen.
		ended := i.Reload() != nil || !i.Condition().Active()
		if err := l.printRest(r); err != nil {
			return err
		}
		if ended {
			return nil
		}
		if err := adopt(i); err != nil && !errors.Is(err, instance.ErrNotFound) {
			return err
		}
		watch.Next(time.Second)
	}
	return nil
}

func (l *logPrinter) wanted(line *journal.Line) bool {
	return (l.since.IsZero() || !line.Time.Before(l.since)) && (l.until.IsZero() || !line.Time.After(l.until))
}

// printTail prints what is there, or the last lines of it.
func (l *logPrinter) printTail(r *journal.Reader) error {
	if l.tail < 0 {
		return l.printRest(r)
	}
	var last []journal.Line
	ends := 0 // how many of them end a line
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !l.wanted(&line) {
			continue
		}
		line.Text = append([]byte(nil), line.Text...)
		last = append(last, line)
		if !line.Partial {
			ends++
		}
		for ends > l.tail {
			if !last[0].Partial {
				ends--
			}
			last = last[1:]
		}
	}
	for n := range last {
		l.line(&last[n])
	}
	return l.flush()
}

func (l *logPrinter) printRest(r *journal.Reader) error {
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			return l.flush()
		}
		if err != nil {
			return err
		}
		if l.wanted(&line) {
			l.line(&line)
		}
	}
}

func (l *logPrinter) line(line *journal.Line) {
	out, n := l.out, 0
	if line.Stream != journal.Stdout {
		out, n = l.err, 1
	}
	if l.timestamps && !l.inLine[n] {
		out.WriteString(line.Time.Local().Format("2006-01-02T15:04:05.000000Z07:00 "))
	}
	if line.Stream == journal.Remark {
		out.WriteString("walisup: ")
	}
	out.Write(line.Text)
	if !line.Partial {
		out.WriteByte('\n')
	}
	l.inLine[n] = line.Partial
	// Keep the order of the two streams where both go to one place.
	other := l.err
	if n == 1 {
		other = l.out
	}
	if other.Buffered() > 0 {
		other.Flush()
	}
}

func (l *logPrinter) flush() error {
	for _, w := range []*bufio.Writer{l.out, l.err} {
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// lastSecond is that of the year 9999, the last one that can be written.
const lastSecond = 253402300799

// parseTime reads a span before now, a number of seconds since 1970, or a date
// with or without a time, in the local zone unless it names one.
func parseTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 && n <= lastSecond {
		return time.Unix(n, 0), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time span nor a time; try 10m or 2026-03-01T12:00:00", text)
}
