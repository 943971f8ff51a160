package procfs

import (
	"os"
	"strconv"
	"strings"
)

// Security is what a process may not do, as the kernel tells in /proc/PID/status, see
// proc_pid_status(5).
type Security struct {
	NoNewPrivileges bool
	SeccompFilters  int    // since Linux 5.9, else 0
	Capabilities    string // the effective ones, hexadecimal
}

// ReadSecurity reads what process pid may not do.
func ReadSecurity(pid int) (Security, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	return parseSecurity(string(data)), err
}

func parseSecurity(status string) (s Security) {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch name {
		case "NoNewPrivs":
			s.NoNewPrivileges = value == "1"
		case "Seccomp_filters":
			s.SeccompFilters, _ = strconv.Atoi(value)
		case "CapEff":
			s.Capabilities = value
		}
	}
	return s
}
