//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeUnits are powers of 2.
var sizeUnits = map[string]int{
	"": 0, "b": 0,
	"k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20,
	"g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40,
}

// sizeFlag is a number of bytes, with k, m, g or t for powers of 1024.
type sizeFlag int64

func (s *sizeFlag) Type() string   { return "size" }
func (s *sizeFlag) String() string { return formatSize(int64(*s)) }

func (s *sizeFlag) Set(text string) error {
	digits := strings.TrimRight(text, "bBiIkKmMgGtT")
	shift, ok := sizeUnits[strings.ToLower(text[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case !ok || err != nil && !errors.Is(err, strconv.ErrRange) || n < 0:
		return fmt.Errorf("%q is no size; try 512k or 16m", text)
	case err != nil || n > math.MaxInt64>>shift:
		return fmt.Errorf("%q is too large", text)
	}
	*s = sizeFlag(n << shift)
	return nil
}

// formatSize writes a size for people.
func formatSize(n int64) string {
	switch {
	case n >= 10<<30:
		return strconv.FormatInt(n>>30, 10) + "G"
	case n >= 10<<20:
		return strconv.FormatInt(n>>20, 10) + "M"
	case n >= 1<<20:
		return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + "M"
	case n >= 1<<10:
		return strconv.FormatInt(n>>10, 10) + "k"
	}
	return strconv.FormatInt(n, 10)
}
