//go:build linux && amd64

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/spf13/cobra"
)

// formatFlag says how a list is printed: as a table, as JSON or by a Go template
// that is applied to each of its elements.
type formatFlag struct{ format string }

const (
	formatTable = "table"
	formatJSON  = "json"
)

func (f *formatFlag) register(cmd *cobra.Command, preset string) {
	usage := "output `format`: json, or a Go template for each element, such as '{{.Name}} {{.Pid}}'"
	if preset == formatTable {
		usage = "output `format`: table, json, or a Go template for each element, such as '{{.Name}} {{.Pid}}'"
	}
	cmd.Flags().StringVar(&f.format, "format", preset, usage)
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{formatTable, formatJSON}, cobra.ShellCompDirectiveNoFileComp))
}

// column is one of a table.
type column[T any] struct {
	head string
	text func(T) string
}

// printList prints the list as f says.
func printList[T any](out io.Writer, f formatFlag, list []T, columns []column[T]) error {
	switch f.format {
	case formatTable:
		return printTable(out, list, columns)
	case formatJSON:
		if list == nil {
			list = []T{}
		}
		return printJSON(out, list)
	}
	t, err := parseTemplate(f.format)
	if err != nil {
		return err
	}
	for _, element := range list {
		if err := t.Execute(out, element); err != nil {
			return fmt.Errorf("--format: %w", err)
		}
		if _, err := io.WriteString(out, "\n"); err != nil {
			return err
		}
	}
	return nil
}

func printTable[T any](out io.Writer, list []T, columns []column[T]) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	row := func(text func(column[T]) string) {
		for n, c := range columns {
			if n > 0 {
				io.WriteString(table, "\t")
			}
			io.WriteString(table, text(c))
		}
		io.WriteString(table, "\n")
	}
	row(func(c column[T]) string { return c.head })
	for _, element := range list {
		row(func(c column[T]) string { return printable(c.text(element)) })
	}
	return table.Flush()
}

func printJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func parseTemplate(text string) (*template.Template, error) {
	t, err := template.New("format").Funcs(template.FuncMap{
		"json": func(v any) (string, error) {
			data, err := json.Marshal(v)
			return string(data), err
		},
		"join": strings.Join,
	}).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("--format: %w", err)
	}
	return t, nil
}

// printable replaces what would change a terminal's state or a table's shape.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}

// shorten cuts a text to so many characters.
func shorten(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-3]) + "..."
}
