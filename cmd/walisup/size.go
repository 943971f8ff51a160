//go:build linux && amd64

package main

import (
	"fmt"
	"math"

	"github.com/docker/go-units"
)

// sizeFlag is a number of bytes, with k, m, g or t for powers of 1024.
type sizeFlag int64

func (s *sizeFlag) Type() string   { return "size" }
func (s *sizeFlag) String() string { return formatSize(int64(*s)) }

func (s *sizeFlag) Set(text string) error {
	n, err := units.RAMInBytes(text)
	if err != nil {
		return fmt.Errorf("%q is no size; try 512k or 16m", text)
	}
	// The library counts in floating point, and what is out of range becomes one of these.
	if n < 0 || n == math.MaxInt64 {
		return fmt.Errorf("%q is too large", text)
	}
	*s = sizeFlag(n)
	return nil
}

// formatSize writes a size for people.
func formatSize(n int64) string { return units.BytesSize(float64(n)) }
