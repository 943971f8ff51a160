package oci

import (
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"walisup/helper/report"
)

// creating is how long a container may take to be created.
const creating = 10 * time.Minute

func olderThan(t time.Time, d time.Duration) bool { return time.Since(t) > d }

// messages tells callers what happened in the way in which runc does: engines read the last
// line of the log for what to show their users.
type messages struct {
	log    *logrus.Logger
	toFile bool
}

func newMessages(path, format string) *messages {
	m := &messages{log: logrus.New()}
	if format == "json" {
		m.log.SetFormatter(&logrus.JSONFormatter{})
	}
	if path == "" {
		return m
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_SYNC, 0o644)
	if err == nil {
		m.log.SetOutput(file)
		m.toFile = true
	}
	return m
}

// fail says why a command has failed, and returns its exit status.
func (m *messages) fail(err error) int {
	text := report.Printable(err.Error()) // names in an image may hold anything
	m.log.Error(text)
	if m.toFile {
		fmt.Fprintln(os.Stderr, text)
	}
	return 1
}

// warn says what went wrong and does not keep a container from running.
func (m *messages) warn(err error) { m.log.Warn(report.Printable(err.Error())) }
