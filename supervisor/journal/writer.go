package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Writer writes a journal. It never fails: what cannot be written, because the
// disk is full, is counted, and the count is written when there is space again.
// It is not safe for concurrent use, and there is one for a journal at a time.
type Writer struct {
	path  string
	size  int64 // of one file, in bytes
	files int   // how many are kept

	number  uint64 // of the file
	file    *os.File
	written int64
	torn    bool // the file's last line is not complete
	buffer  []byte
	open    map[Stream]bool // the last line of the stream was partial
	lost    int
	cause   error
}

// Create opens the journal at path to append to it. A file grows to about size
// bytes, and at most that many files are kept.
func Create(path string, size int64, files int) *Writer {
	w := &Writer{path: path, size: max(size, 4096), files: max(files, 1), open: map[Stream]bool{}}
	w.reopen()
	return w
}

// reopen goes on with the last file that is there, or begins the first one.
func (w *Writer) reopen() {
	list, err := numbers(w.path)
	if err != nil {
		w.cause = err
		return
	}
	if len(list) == 0 {
		w.begin(1)
		return
	}
	w.use(list[len(list)-1], os.O_RDWR|os.O_APPEND)
	if w.file != nil && w.written > 0 {
		// Its writer may have been killed within a line.
		var last [1]byte
		_, err := w.file.ReadAt(last[:], w.written-1)
		w.torn = err != nil || last[0] != '\n'
	}
}

// use opens a file.
func (w *Writer) use(number uint64, flags int) {
	file, err := os.OpenFile(numbered(w.path, number), flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		w.cause = err
		return
	}
	st, err := file.Stat()
	if err != nil {
		file.Close()
		w.cause = err
		return
	}
	w.file, w.number, w.written, w.torn = file, number, st.Size(), false
}

// begin begins a new file, has the link show it, and removes what is too old.
func (w *Writer) begin(number uint64) {
	w.use(number, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL)
	if w.file == nil {
		return
	}
	// The link is for others; who reads the journal does not need it.
	link := w.path + ".link"
	os.Remove(link)
	if os.Symlink(filepath.Base(numbered(w.path, number)), link) == nil && os.Rename(link, w.path) != nil {
		os.Remove(link)
	}
	list, err := numbers(w.path)
	if err != nil {
		return
	}
	for _, n := range list {
		if n+uint64(w.files) <= number {
			os.Remove(numbered(w.path, n))
		}
	}
}

// Close closes the file.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}

// Lost returns how many lines could not be written since the last one that could,
// and why.
func (w *Writer) Lost() (lines int, cause error) { return w.lost, w.cause }

// Write adds what the guest has written to a stream, complete lines or not.
func (w *Writer) Write(now time.Time, stream Stream, data []byte) {
	w.buffer = w.buffer[:0]
	lines := 0
	for len(data) > 0 {
		line := Line{Time: now, Stream: stream}
		end := bytes.IndexByte(data, '\n')
		switch {
		case end >= 0 && end <= maxText:
			line.Text, data = data[:end], data[end+1:]
		case len(data) > maxText:
			line.Text, data, line.Partial = data[:maxText], data[maxText:], true
		default:
			line.Text, data, line.Partial = data, nil, true
		}
		w.open[stream] = line.Partial
		w.buffer = line.append(w.buffer)
		lines++
	}
	w.flush(now, lines)
}

// End finishes a line that the guest has begun and will not end.
func (w *Writer) End(now time.Time) {
	w.buffer = w.buffer[:0]
	lines := 0
	for _, stream := range []Stream{Stdout, Stderr} {
		if w.open[stream] {
			line := Line{Time: now, Stream: stream}
			w.buffer = line.append(w.buffer)
			lines++
		}
	}
	clear(w.open)
	if lines > 0 {
		w.flush(now, lines)
	}
}

// Remark adds a line of the writer's own.
func (w *Writer) Remark(now time.Time, format string, args ...any) {
	line := Line{Time: now, Stream: Remark, Text: fmt.Appendf(nil, format, args...)}
	w.buffer = line.append(w.buffer[:0])
	w.flush(now, 1)
}

// flush writes the buffer, which holds so many lines.
func (w *Writer) flush(now time.Time, lines int) {
	if w.file == nil {
		w.reopen()
	}
	if w.file != nil && w.written > 0 && w.written+int64(len(w.buffer)) > w.size {
		w.rotate()
	}
	if w.file == nil {
		w.lost += lines
		return
	}
	if w.lost > 0 {
		line := Line{Time: now, Stream: Remark, Text: fmt.Appendf(nil, "%d lines lost: %v", w.lost, w.cause)}
		if _, err := w.put(line.append(nil), 1); err != nil {
			w.lost += lines
			return
		}
		w.lost, w.cause = 0, nil
	}
	if lost, err := w.put(w.buffer, lines); err != nil {
		w.lost, w.cause = w.lost+lost, err
	}
}

// put adds lines to the file, as far as they can be written, and returns how many
// of them could not. Those that are there are complete.
func (w *Writer) put(data []byte, lines int) (lost int, err error) {
	if w.torn {
		if _, err := w.file.Write([]byte{'\n'}); err != nil {
			return lines, err
		}
		w.written++
		w.torn = false
	}
	n, err := w.file.Write(data)
	if err == nil {
		w.written += int64(n)
		return 0, nil
	}
	// A reader may have taken the complete ones.
	whole := bytes.LastIndexByte(data[:n], '\n') + 1
	w.written += int64(whole)
	if n > whole && w.file.Truncate(w.written) != nil {
		w.torn = true
		w.written += int64(n - whole)
	}
	return lines - bytes.Count(data[:whole], []byte{'\n'}), err
}

// rotate begins a new file.
func (w *Writer) rotate() {
	old := w.file
	w.file = nil
	w.begin(w.number + 1)
	if w.file == nil {
		// There is no room for another one; perhaps there is in this.
		w.file = old
		return
	}
	old.Close()
}
