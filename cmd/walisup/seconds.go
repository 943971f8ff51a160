//go:build linux && amd64

package main

import (
	"fmt"
	"strconv"
	"time"
)

// secondsFlag is a time span: a number of seconds, or with a unit such as 1m30s.
type secondsFlag time.Duration

func (s *secondsFlag) String() string { return time.Duration(*s).String() }
func (s *secondsFlag) Type() string   { return "seconds" }

func (s *secondsFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		var n int
		if n, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("%q is no time span; try 10 or 1m30s", text)
		}
		d = time.Duration(n) * time.Second
	}
	if d < 0 {
		return fmt.Errorf("%q is negative", text)
	}
	*s = secondsFlag(d)
	return nil
}
