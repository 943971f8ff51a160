package helper

import (
	"bytes"
	"fmt"

	"walisup/ipc"
	"walisup/ipc/channel"
	"walisup/wali/trace"
)

// alwaysTraced is the control word of a process that is traced for all its life.
var alwaysTraced uint32 = 1

// prepareTrace makes the process one that can be traced: from its start, if the
// boot record says so, else when the channel's trace word says so.
func (p *program) prepareTrace() error {
	b := p.boot
	control, source := &alwaysTraced, trace.Source(b.traceSettings)
	switch {
	case b.Trace != "":
		var config ipc.TraceConfig
		if err := config.UnmarshalText([]byte(b.Trace)); err != nil {
			return fmt.Errorf("%w: %w", ipc.ErrBoot, err)
		}
		source = func(uint32) (ipc.TraceConfig, bool) { return config, true }
	case b.channel != nil:
		control = b.channel.TraceWord()
	default:
		return nil
	}
	p.tracer = trace.New(b.first+ipc.TraceOffset, control, source)
	p.process.Tracer, p.process.TraceControl = p.tracer, control
	return nil
}

// traceSettings reads from the channel what is to be shown.
func (b *bootstrap) traceSettings(word uint32) (config ipc.TraceConfig, ok bool) {
	var settings [channel.SettingsSize]byte
	got, ok := b.channel.TraceSettings(settings[:])
	if !ok || got != word {
		return config, false
	}
	text, _, _ := bytes.Cut(settings[:], []byte{0})
	return config, config.UnmarshalText(text) == nil
}
