package main

import (
	"fmt"
	"os"
	"strings"
)

// maxResponseDepth bounds response files that name each other.
const maxResponseDepth = 16

// expandResponseFiles replaces every @file argument by the arguments in that file, as gcc
// does: separated by white space, with quotes and backslashes. A file that does not exist
// leaves the argument as it is.
func expandResponseFiles(args []string) ([]string, error) {
	return expandResponse(args, 0)
}

func expandResponse(args []string, depth int) ([]string, error) {
	if depth > maxResponseDepth {
		return nil, fmt.Errorf("response files nest more than %d deep", maxResponseDepth)
	}
	var out []string
	for _, arg := range args {
		name, found := strings.CutPrefix(arg, "@")
		if !found {
			out = append(out, arg)
			continue
		}
		text, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			out = append(out, arg)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("response file: %w", err)
		}
		inner, err := expandResponse(splitArguments(string(text)), depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, inner...)
	}
	return out, nil
}

// splitArguments splits the text of a response file.
func splitArguments(text string) []string {
	var args []string
	var word strings.Builder
	var quote byte
	inWord := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			inWord = true
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteByte(c)
			}
		case c == '\'' || c == '"':
			quote = c
			inWord = true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f':
			if inWord {
				args = append(args, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		args = append(args, word.String())
	}
	return args
}
