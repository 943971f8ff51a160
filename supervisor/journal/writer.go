package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Writer writes a journal. It never fails: what cannot be written, because the
// disk is full, is counted, and the count is written when there is space again.
// It is not safe for concurrent use.
type Writer struct {
	path  string
	size  int64 // of one file, in bytes
	files int   // how many are kept

	file    *os.File
	written int64
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

func (w *Writer) reopen() {
	file, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
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
	w.file, w.written = file, st.Size()
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
		if err := w.put(line.append(nil)); err != nil {
			w.lost += lines
			return
		}
		w.lost, w.cause = 0, nil
	}
	if err := w.put(w.buffer); err != nil {
		w.lost, w.cause = w.lost+lines, err
	}
}

// put writes all or nothing, so that every line in the file is complete.
func (w *Writer) put(data []byte) error {
	n, err := w.file.Write(data)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, w.file.Truncate(w.written))
		}
		return err
	}
	w.written += int64(n)
	return nil
}

// rotate begins a new file.
func (w *Writer) rotate() {
	w.file.Close()
	w.file = nil
	os.Remove(numbered(w.path, w.files))
	for n := w.files - 1; n >= 1; n-- {
		os.Rename(numbered(w.path, n-1), numbered(w.path, n))
	}
	if w.files == 1 {
		os.Remove(w.path)
	}
	w.reopen()
}

// numbered returns the path of a journal's file, 0 being the newest.
func numbered(path string, n int) string {
	if n == 0 {
		return path
	}
	return path + "." + strconv.Itoa(n)
}
