//go:build linux && amd64

package main

import (
	"fmt"
	"strings"

	"github.com/moby/term"
)

// keysFlag is a sequence of keys, such as ctrl-p,ctrl-q.
type keysFlag []byte

func (k *keysFlag) Type() string { return "keys" }

func (k *keysFlag) String() string {
	var names []string
	for _, b := range *k {
		if b < ' ' {
			names = append(names, "ctrl-"+strings.ToLower(string(b+'@')))
		} else {
			names = append(names, string(b))
		}
	}
	return strings.Join(names, ",")
}

func (k *keysFlag) Set(text string) error {
	if text == "" {
		*k = nil
		return nil
	}
	keys, err := term.ToBytes(strings.ToLower(text))
	if err != nil {
		return fmt.Errorf("%w; a key is a letter, or ctrl- and a letter", err)
	}
	*k = keys
	return nil
}

// keyWatch looks for the sequence in what is typed. The proxy of package term does not
// find a sequence whose keys come together, as when they are pasted, nor one that begins
// within what looked like its beginning.
type keyWatch struct {
	keys    []byte
	matched int // how many of them were typed last
}

// typed returns what is to be passed on, and whether the sequence is complete. A part of
// it is held back until it is clear that it is not the sequence.
func (w *keyWatch) typed(data []byte) (pass []byte, detach bool) {
	if len(w.keys) == 0 {
		return data, false
	}
	for _, b := range data {
		for b != w.keys[w.matched] && w.matched > 0 {
			// The longest end of what was held back that may begin the sequence.
			held := w.keys[:w.matched]
			next := w.matched - 1
			for next > 0 && string(held[w.matched-next:]) != string(w.keys[:next]) {
				next--
			}
			pass = append(pass, held[:w.matched-next]...)
			w.matched = next
		}
		if b != w.keys[w.matched] {
			pass = append(pass, b)
			continue
		}
		if w.matched++; w.matched == len(w.keys) {
			return pass, true
		}
	}
	return pass, false
}
