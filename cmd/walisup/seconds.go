//go:build linux && amd64

package main

import (
	"fmt"
	"strings"
	"time"
)

// secondsFlag is a time span: a number of seconds, or with a unit such as 1m30s.
type secondsFlag time.Duration

// longestSpan keeps sums with points in time far from an overflow.
const longestSpan = 100 * 365 * 24 * time.Hour

func (s *secondsFlag) String() string { return time.Duration(*s).String() }
func (s *secondsFlag) Type() string   { return "seconds" }

func (s *secondsFlag) Set(text string) error {
	span := text
	if strings.Trim(text, "0123456789.") == "" {
		span += "s"
	}
	d, err := time.ParseDuration(span)
	switch {
	case err != nil && strings.Trim(text, "0123456789") == "" && text != "", d > longestSpan:
		return fmt.Errorf("%q is too long; at most 100 years are possible", text)
	case err != nil:
		return fmt.Errorf("%q is no time span; try 10 or 1m30s", text)
	case d < 0:
		return fmt.Errorf("%q is negative", text)
	}
	*s = secondsFlag(d)
	return nil
}
