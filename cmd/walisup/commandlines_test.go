//go:build linux && amd64

package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestCommandLinesInDocuments parses every command line of walisup that the documents show:
// whole ones in blocks of code, with their arguments, and the beginnings of others in a
// sentence.
func TestCommandLinesInDocuments(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	documents = append(documents, "../../README.md", "../../SECURITY.md", "../../RATIONALE.md", "../../CHANGELOG.md")
	checked := 0
	for _, name := range documents {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		blocks, sentences := splitDocument(string(text))
		for _, block := range blocks {
			if notACommand.MatchString(block) {
				continue
			}
			for _, args := range commandLines(block) {
				checked++
				if err := parseCommandLine(args, true); err != nil {
					t.Errorf("%s: walisup %s: %v", filepath.Base(name), strings.Join(args, " "), err)
				}
			}
		}
		for _, code := range sentences {
			for _, args := range commandLines(code) {
				checked++
				if err := parseCommandLine(args, false); err != nil {
					t.Errorf("%s: `walisup %s`: %v", filepath.Base(name), strings.Join(args, " "), err)
				}
			}
		}
	}
	if checked < 80 {
		t.Errorf("found only %d command lines", checked)
	}
}

func TestParseCommandLine(t *testing.T) {
	t.Parallel()
	for line, whole := range map[string]bool{
		"walisup start --no-such-flag a.wasm":  true,
		"walisup no-such-command":              true,
		"walisup no-such-command x":            false,
		"walisup stop --signal":                true,
		"$ echo | walisup start --cpus no a":   true,
		"walisup version 'too many' arguments": true,
	} {
		lines := commandLines(line)
		if len(lines) != 1 || parseCommandLine(lines[0], whole) == nil {
			t.Errorf("%s: accepted as %q", line, lines)
		}
	}
	for line, want := range map[string]string{
		"$ R=x walisup start --env 'A=b c' $R/a.wasm >out; walisup ps": "start|--env|A=b c|$R/a.wasm;ps",
		"sudo walisup binfmt --register && echo walisup done":          "binfmt|--register",
		"make install # walisup start":                                 "",
	} {
		var got []string
		for _, args := range commandLines(line) {
			got = append(got, strings.Join(args, "|"))
		}
		if strings.Join(got, ";") != want {
			t.Errorf("%s: %q, want %s", line, got, want)
		}
	}
}

// A column of a picture, or a setting in another program's file.
var notACommand = regexp.MustCompile(`^walisup(?:  | = )`)

var span = regexp.MustCompile("`[^`]+`")

// splitDocument returns the lines of the blocks of code in a document, and the code in its
// sentences.
func splitDocument(document string) (blocks, sentences []string) {
	fenced := false
	var prose strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(document, "\\\n", " ")) {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced || strings.HasPrefix(line, "    "):
			blocks = append(blocks, strings.TrimSpace(line))
		default:
			prose.WriteString(line)
		}
	}
	for _, code := range span.FindAllString(prose.String(), -1) {
		sentences = append(sentences, strings.Trim(code, "`"))
	}
	return blocks, sentences
}

// A word of a shell's line: quoted parts and others; or what ends a command.
var shellWord = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'";|&<>()]|&\d)+|[;|&<>()]+`)

// commandLines returns the arguments of each walisup that a shell's line runs.
func commandLines(line string) [][]string {
	var lines [][]string
	var args []string
	running, first := false, true
	end := func() {
		if running {
			lines = append(lines, args)
		}
		args, running, first = nil, false, true
	}
	redirected := false
	for _, word := range shellWord.FindAllString(strings.TrimPrefix(strings.TrimPrefix(line, "$ "), "# "), -1) {
		unquoted := strings.NewReplacer(`'`, "", `"`, "").Replace(word)
		switch {
		case word == "#":
			end()
			return lines
		case strings.Trim(word, "<>") == "":
			redirected = true
		case strings.Trim(word, ";|&<>()") == "":
			end()
			redirected = false
		case redirected:
			redirected = false
		case running:
			args = append(args, unquoted)
		case first && word == "walisup":
			running = true
		case !strings.Contains(word, "=") && word != "sudo" && word != "exec":
			first = false
		}
	}
	end()
	return lines
}

// parseCommandLine parses what follows walisup on a command line. Of one that is not whole
// there may be more arguments.
func parseCommandLine(args []string, whole bool) error {
	if len(args) == 0 {
		return nil
	}
	// In a synopsis what may be left out is in brackets.
	for i, arg := range args {
		if strings.HasPrefix(arg, "[") || strings.HasPrefix(arg, "(") {
			args, whole = args[:i], false
			break
		}
	}
	root := newRootCommand("")
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	err = cmd.ParseFlags(rest)
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	var missing *pflag.ValueRequiredError
	if err != nil && (whole || !errors.As(err, &missing)) {
		return err
	}
	if help, _ := cmd.Flags().GetBool("help"); help || !whole {
		return unknownCommand(cmd, args)
	}
	if version, _ := cmd.Flags().GetBool("version"); version {
		return nil
	}
	if err := unknownCommand(cmd, args); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// unknownCommand is the error for a command line whose first word is no command.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && !cmd.HasParent() && !strings.HasPrefix(args[0], "-") {
		return errors.New("unknown command")
	}
	return nil
}
