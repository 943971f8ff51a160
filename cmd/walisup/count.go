//go:build linux && amd64

package main

import (
	"fmt"
	"strconv"
)

// countFlag is a whole number within bounds.
type countFlag struct {
	value       *int
	least, most int
	words       map[string]int // that can stand for a number
}

func (c countFlag) String() string {
	if c.value == nil {
		return ""
	}
	return strconv.Itoa(*c.value)
}

func (c countFlag) Type() string { return "number" }

func (c countFlag) Set(text string) error {
	n, ok := c.words[text]
	if !ok {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < c.least || n > c.most {
			return fmt.Errorf("%q is not a whole number from %d to %d", text, c.least, c.most)
		}
	}
	*c.value = n
	return nil
}
