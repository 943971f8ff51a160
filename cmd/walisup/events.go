//go:build linux && amd64

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/template"

	"github.com/spf13/cobra"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
)

func newEventsCommand(state *stateFlag) *cobra.Command {
	p := eventPrinter{}
	var follow bool
	cmd := &cobra.Command{
		Use:   "events [flags] [instance...]",
		Short: "Print what happened to the processes of running instances",
		Long: `events prints the events of the processes of instances that run: fork, exec, exit,
signals, and start and end of threads. Without a name it prints those of all
instances. Each instance keeps its last few thousand events. If some were overwritten
before they were printed, events prints how many. With --follow it continues until the
instances have ended.

A fork has the parent's process id. An exit has the exit status as a shell shows it,
and the source of that.`,
		Example: `  walisup events cache
  walisup events --follow --format json`,
		ValidArgsFunction: state.complete(0, isActive),
		RunE: func(cmd *cobra.Command, args []string) error {
			var list []*instance.Instance
			if len(args) == 0 {
				all, err := state.list()
				if err != nil {
					return err
				}
				for _, i := range all {
					if isActive(i) {
						list = append(list, i)
					}
				}
			}
			for _, name := range args {
				i, err := state.find(name)
				if err != nil {
					return err
				}
				if !isActive(i) {
					return notActive(i)
				}
				list = append(list, i)
			}
			if err := p.open(cmd.OutOrStdout()); err != nil {
				return err
			}
			return p.run(list, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "continue until the instances have ended")
	cmd.Flags().StringVar(&p.format, "format", formatTable, "output `format`: table, json (one object on each line), or a Go template for each event")
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{formatTable, formatJSON}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// eventView is an event as it is printed.
type eventView struct {
	Instance string `json:"instance"`
	control.Event
}

// eventPrinter prints the events of several instances.
type eventPrinter struct {
	format   string
	template *template.Template

	mu  sync.Mutex
	out *bufio.Writer
	err error // of the output
}

func (p *eventPrinter) open(out io.Writer) (err error) {
	p.out = bufio.NewWriter(out)
	if p.format != formatTable && p.format != formatJSON {
		p.template, err = parseTemplate(p.format)
	}
	return err
}

func (p *eventPrinter) run(list []*instance.Instance, follow bool) error {
	// All are opened before any is read: whoever reads one closes it.
	readers := make([]*control.EventReader, len(list))
	for n, i := range list {
		var err error
		if readers[n], err = control.NewEventReader(i, false); err != nil {
			for _, r := range readers[:n] {
				r.Close()
			}
			return fmt.Errorf("events of instance %s: %w", i.Name, err)
		}
	}
	var wait sync.WaitGroup
	for n, i := range list {
		one := func() {
			defer readers[n].Close()
			p.print(i.Name, readers[n], follow)
		}
		if follow {
			wait.Go(one)
		} else {
			one()
		}
	}
	wait.Wait()
	return p.err
}

// print prints what a reader has, and with follow what comes until the output fails.
func (p *eventPrinter) print(name string, r *control.EventReader, follow bool) {
	var lost uint64
	for {
		e, ok := r.Next()
		if !ok {
			if p.flush() != nil || !follow {
				return
			}
			if e, ok = r.Await(p.failed); !ok {
				return
			}
		}
		if now := r.Lost(); now != lost {
			warn(fmt.Errorf("instance %s: %d events were lost", name, now-lost))
			lost = now
		}
		p.one(eventView{name, e})
	}
}

// failed reports whether nothing more can be printed, for whichever instance.
func (p *eventPrinter) failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil
}

func (p *eventPrinter) flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.out.Flush(); err != nil && p.err == nil {
		p.err = err
	}
	return p.err
}

func (p *eventPrinter) one(e eventView) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	switch {
	case p.template != nil:
		if err = p.template.Execute(p.out, e); err == nil {
			err = p.out.WriteByte('\n')
		}
	case p.format == formatJSON:
		err = json.NewEncoder(p.out).Encode(e)
	default:
		_, err = fmt.Fprintln(p.out, e.line())
	}
	if err != nil && p.err == nil {
		p.err = err
	}
}

// line writes the event for people.
func (e eventView) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %d %s", e.Time.Local().Format("2006-01-02T15:04:05.000000"), e.Instance, e.Pid, e.Kind)
	switch {
	case e.Kind == "fork":
		fmt.Fprintf(&b, " parent=%d", e.Other)
	case e.Other != 0:
		fmt.Fprintf(&b, " thread=%d", e.Other)
	}
	if e.Status != nil {
		fmt.Fprintf(&b, " status=%d source=%s", *e.Status, e.Source)
	}
	if e.Signal != "" {
		fmt.Fprintf(&b, " signal=%s", e.Signal)
	}
	if e.Module != "" {
		fmt.Fprintf(&b, " module=%s", printable(e.Module))
	}
	return b.String()
}
