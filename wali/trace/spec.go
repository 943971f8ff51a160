package trace

import (
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"walisup/wali"
)

// spec is how a call is shown.
type spec struct {
	call   int
	name   string
	n      int
	args   [6]argument
	result func(f *frame) // what follows "= ", nil for a number or an error

	sleeps bool // may take long: shown when it begins
	ends   bool // does not return
	forks  bool // returns twice
}

// argument is how an argument is shown.
type argument struct {
	show     func(f *frame, i int)
	out      bool                // the call fills it in: shown afterwards
	late     func(f *frame) bool // whether it does so in this case, nil for never
	optional func(f *frame) bool // whether there is such an argument, nil for always
}

// spec returns how a call is shown. It is made at the call's first use, because a
// process that is not traced is not to pay for it.
func (tr *Tracer) spec(call int, row *wali.Row) *spec {
	name := row.Name
	if call < 0 {
		switch {
		case name == "__proc_exit":
			row = wali.Lookup("exit_group")
			call, name = row.Place(), row.Name
		case name == spawnName:
			row = wali.Lookup("clone")
			return &spec{call: row.Place(), name: row.Name, n: 1, args: [6]argument{{show: (*frame).spawn}}}
		case len(row.Args) == 0 || strings.HasPrefix(name, "_"):
			return nil // not a system call
		default:
			call = unknownCall
			return makeSpec(call, name, row)
		}
	}
	made := &tr.specs.Load()[call]
	if s := made.Load(); s != nil {
		return s
	}
	s := makeSpec(call, name, row)
	made.Store(s)
	return s
}

// spawnName is the import that makes a thread.
const spawnName = "__wasm_thread_spawn"

// spawn shows the making of a thread as what it is on Linux.
func (f *frame) spawn(int) {
	f.str("flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM, fn=")
	f.hex(uint64(f.a.Uint(0)))
	f.str(", arg=")
	f.pointer(f.a.Ptr(1))
}

func makeSpec(call int, name string, row *wali.Row) *spec {
	s := &spec{call: call, name: name, sleeps: row.Blocks}
	switch name {
	case "exit", "exit_group":
		s.ends = true
	case "fork", "vfork", "clone", "clone3":
		s.forks, s.sleeps = true, true
	case "execve", "execveat", "kill", "tgkill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal":
		// Those that send a signal may not come back either.
		s.sleeps = true
	}
	words := strings.Fields(wordsOf(name, row.Args))
	for _, word := range words {
		if result, ok := strings.CutPrefix(word, "="); ok {
			s.result = results(result)
			continue
		}
		a := &s.args[s.n]
		s.n++
		word, a.out = strings.CutPrefix(word, ">")
		word, condition, _ := strings.Cut(word, "?")
		a.optional = conditions(condition)
		decoder, table, _ := strings.Cut(word, ":")
		a.show = decoderOf(decoder, table)
		if decoder == "fcntl" {
			a.late = func(f *frame) bool { return f.a.Int(1) == unix.F_GETLK || f.a.Int(1) == unix.F_OFD_GETLK }
		}
	}
	return s
}

// wordsOf returns the specification of a call: from the table, else from the
// prototype.
func wordsOf(name, prototype string) string {
	i := sort.Search(len(calls), func(i int) bool { return calls[i].name >= name })
	if i < len(calls) && calls[i].name == name {
		return calls[i].words
	}
	var words []string
	for _, decl := range strings.Split(prototype, ",") {
		if decl = strings.TrimSpace(decl); decl != "" {
			words = append(words, defaultWord(decl))
		}
	}
	return strings.Join(words, " ")
}

func defaultWord(decl string) string {
	space := strings.LastIndexByte(decl, ' ')
	ctype, name := decl[:max(space, 0)], decl[space+1:]
	switch {
	case ctype == "char*" && (strings.Contains(name, "path") || strings.Contains(name, "name") ||
		strings.Contains(name, "target") || strings.Contains(name, "root")):
		return "path"
	case strings.HasSuffix(ctype, "*"):
		return "ptr"
	case strings.HasSuffix(name, "dirfd"):
		return "dirfd"
	case ctype == "mode_t":
		return "mode"
	case strings.Contains(name, "flags"):
		return "x"
	case strings.HasPrefix(ctype, "unsigned"), ctype == "size_t", ctype == "socklen_t", ctype == "uint32_t", ctype == "uint64_t":
		return "u"
	default:
		return "d"
	}
}
