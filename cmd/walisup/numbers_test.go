//go:build linux && amd64

package main

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// TestNumbers gives all flags that take numbers what does not fit, and what just does.
func TestNumbers(t *testing.T) {
	t.Parallel()
	bad := []string{"", " ", "x", "-1", "1e3", "NaN", "Inf", "0x10", "1_000", "18446744073709551616", "9223372036854775808", "99999999999999999999999"}
	// Sizes may also be written as floating-point numbers.
	noSize := slices.DeleteFunc(slices.Clone(bad), func(text string) bool { return text == "1e3" || text == "1_000" })
	cases := []struct {
		flag  string
		bad   []string
		good  []string
		wants []string // what the flag says then
	}{
		{"log-size", append(noSize, "1i", "k", "8388608t", "-1k", "1kk", "9007199254740992k"),
			[]string{"4k", "4096", "1T", "3GiB", "1.5m", "8388607t"}, []string{"4KiB", "4KiB", "1TiB", "3GiB", "1.5MiB", "8EiB"}},
		{"log-files", append(bad, "0", "10001", "3.0"), []string{"1", "10000"}, []string{"1", "10000"}},
		{"max-files", append(bad, "0", "65513"), []string{"1", "65512"}, []string{"1", "65512"}},
		{"memory", noSize, []string{"512m"}, []string{"512MiB"}},
		{"stop-timeout", []string{"", " ", "x", "-1", "-1s", "NaN", "Inf", "1e3", ".", "1..5", "18446744074", "9223372037", "18446744073709551616", "876001h", "1x"},
			[]string{"0", "10", "1.5", "1m30s", "876000h"}, []string{"0s", "10s", "1.5s", "1m30s", "876000h0m0s"}},
		{"restart", []string{"", "on-failure:", "on-failure:0", "on-failure:-1", "on-failure:x", "on-failure:9223372036854775808", "always:1", "no:1"},
			[]string{"on-failure:1", "on-failure"}, []string{"on-failure:1", "on-failure"}},
		{"stop-signal", []string{"", "0", "-1", "65", "SIGRTMIN+31", "RTMAX-31", "18446744073709551617"}, []string{"64", "1", "rtmin"}, []string{"64", "SIGHUP", "34"}},
		{"pids-limit", []string{"", "x", "1.5", "9223372036854775808"}, nil, nil},
		{"cpus", []string{"", "x"}, nil, nil},
		{"trace-strings", []string{"", "x", "9223372036854775808"}, nil, nil},
	}
	for _, c := range cases {
		flags := newStartCommand(new(stateFlag)).Flags()
		for _, text := range c.bad {
			if err := flags.Set(c.flag, text); err == nil {
				t.Errorf("--%s %q is taken as %s", c.flag, text, flags.Lookup(c.flag).Value)
			}
		}
		for n, text := range c.good {
			if err := flags.Set(c.flag, text); err != nil || flags.Lookup(c.flag).Value.String() != c.wants[n] {
				t.Errorf("--%s %q: %v, %s, want %s", c.flag, text, err, flags.Lookup(c.flag).Value, c.wants[n])
			}
		}
	}
	tail := newLogsCommand(new(stateFlag)).Flags()
	for _, text := range append(bad, "-5", "2147483648") {
		if err := tail.Set("tail", text); err == nil {
			t.Errorf("--tail %q is taken", text)
		}
	}
	for _, text := range []string{"0", "all", "2147483647"} {
		if err := tail.Set("tail", text); err != nil {
			t.Errorf("--tail %q: %v", text, err)
		}
	}
}

// TestLimitsAreChecked gives numbers that parse and make no sense.
func TestLimitsAreChecked(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		"cpus=NaN", "cpus=Inf", "cpus=-Inf", "cpus=-1", "cpus=0.001", "cpus=1e9", "pids-limit=-1", "pids-limit=1",
		"pids-limit=9223372036854775807", "pids-limit=4194305", "memory=1", "memory=4k",
		"umask=8", "umask=-1", "umask=1000", "umask=0x1", "umask=99999999999999999999",
		"ulimit=nofile", "ulimit=nofile=", "ulimit=nofile=-2", "ulimit=nofile=18446744073709551616", "ulimit=nofile=2:1", "ulimit=nofile=1:", "ulimit=nofile=NaN",
		"ulimit=nofile=1.5", "ulimit=nofile=1:2:3", "ulimit==1", "net=NONE",
	} {
		if err := checkIsolation(t, setting); err == nil {
			t.Errorf("--%s is taken", setting)
		}
	}
	for _, setting := range []string{"cpus=0.5", "cpus=1048576", "pids-limit=16", "pids-limit=4194304", "memory=8m", "umask=0777", "umask=0",
		"ulimit=nofile=1:2", "ulimit=core=unlimited", "ulimit=core=-1", "ulimit=core=18446744073709551615", "net=none"} {
		if err := checkIsolation(t, setting); err != nil {
			t.Errorf("--%s: %v", setting, err)
		}
	}
}

func checkIsolation(t *testing.T, setting string) error {
	t.Helper()
	var f isolationFlags
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.register(flags)
	if err := flags.Parse([]string{"--" + setting}); err != nil {
		return err
	}
	if _, err := f.config(); err != nil {
		return err
	}
	_, _, err := f.confinement("", false)
	return err
}

func TestEmptyValuesAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"user", "group", "root", "chroot", "net", "umask", "workdir", "pid-file", "cache", "helper"} {
		if out, err := execute(t, "start", "--"+name+"=", "missing.wasm"); err == nil || err.Error() != fmt.Sprintf("start: --%s has an empty value", flagName(name)) {
			t.Errorf("--%s=: %q, %v", name, out, err)
		}
	}
}

// flagName is how errors call a flag.
func flagName(name string) string {
	if name == "chroot" {
		return "root"
	}
	return name
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "10m": now.Add(-10 * time.Minute), "1": time.Unix(1, 0), "1772366400": now, "2026-03-01T12:00:00Z": now,
		"253402300799": time.Unix(253402300799, 0),
	} {
		if got, err := parseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"-10m", "-1", "253402300800", fmt.Sprint(uint64(math.MaxUint64)), "NaN", "tomorrow", "2026-13-01", "9999999999h"} {
		if got, err := parseTime(text, now); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

// TestTwinsOfFlagsWithoutValue looks at all flags that can stand alone.
func TestTwinsOfFlagsWithoutValue(t *testing.T) {
	seen := map[string]bool{}
	for _, command := range newRootCommand("").Commands() {
		command.Flags().VisitAll(func(f *pflag.Flag) {
			if f.NoOptDefVal == "" || !hasTwin(command, f) {
				return
			}
			isBool := f.Value.Type() == "bool"
			seen[f.Value.Type()] = true
			for text, want := range map[string]string{
				"1": f.NoOptDefVal, "true": f.NoOptDefVal, "YES": f.NoOptDefVal, "on": f.NoOptDefVal, "t": f.NoOptDefVal, "y": f.NoOptDefVal,
				"0": f.DefValue, "false": f.DefValue, "No": f.DefValue, "off": f.DefValue, "f": f.DefValue, "n": f.DefValue, "": f.DefValue,
			} {
				flags := command.Flags()
				reset(t, flags, f)
				t.Setenv(environmentTwin(f.Name), text)
				if err := flagsFromEnvironment(command); err != nil || f.Value.String() != want {
					t.Errorf("%s=%q: --%s is %q, %v, want %q", environmentTwin(f.Name), text, f.Name, f.Value, err, want)
				}
			}
			reset(t, command.Flags(), f)
			t.Setenv(environmentTwin(f.Name), "./1")
			err := flagsFromEnvironment(command)
			if isBool != (err != nil) || !isBool && f.Value.String() != "./1" {
				t.Errorf("%s=./1: --%s is %q, %v", environmentTwin(f.Name), f.Name, f.Value, err)
			}
			t.Setenv(environmentTwin(f.Name), "")
		})
	}
	if !seen["bool"] || !seen["file"] {
		t.Errorf("flags were of types %v", seen)
	}
}

func reset(t *testing.T, flags *pflag.FlagSet, f *pflag.Flag) {
	t.Helper()
	if err := f.Value.Set(f.DefValue); err != nil {
		t.Fatal(err)
	}
	f.Changed = false
}
