//go:build linux && amd64

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// sizeFlag is a number of bytes, with k, m or g for powers of 1024.
type sizeFlag int64

func (s *sizeFlag) Type() string   { return "size" }
func (s *sizeFlag) String() string { return formatSize(int64(*s)) }

func (s *sizeFlag) Set(text string) error {
	digits := strings.ToLower(text)
	digits = strings.TrimSuffix(strings.TrimSuffix(digits, "b"), "i")
	shift := 0
	for unit, bits := range map[string]int{"k": 10, "m": 20, "g": 30} {
		if rest, ok := strings.CutSuffix(digits, unit); ok {
			digits, shift = rest, bits
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 63)
	if err != nil || n < 0 || n > (1<<62)>>shift {
		return fmt.Errorf("%q is no size; try 512k or 16m", text)
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
