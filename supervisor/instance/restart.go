package instance

import (
	"fmt"
	"strconv"
	"strings"
)

// RestartPolicy says when an instance is started again after it has ended.
type RestartPolicy struct {
	When string `json:"when"`          // one of the constants below
	Most int    `json:"max,omitempty"` // for RestartOnFailure: how often in a row; 0 for no bound
}

// Values of RestartPolicy.When.
const (
	RestartNo            = "no"
	RestartOnFailure     = "on-failure"
	RestartAlways        = "always"
	RestartUnlessStopped = "unless-stopped"
)

// String returns the policy as it is typed.
func (p RestartPolicy) String() string {
	switch {
	case p.When == "":
		return RestartNo
	case p.Most > 0:
		return p.When + ":" + strconv.Itoa(p.Most)
	}
	return p.When
}

// Set parses a policy; with String and Type it makes a flag's value.
func (p *RestartPolicy) Set(text string) error {
	when, most, bounded := strings.Cut(text, ":")
	policy := RestartPolicy{When: when}
	switch when {
	case RestartNo, RestartAlways, RestartUnlessStopped:
		if bounded {
			return fmt.Errorf("%s takes no number", when)
		}
	case RestartOnFailure:
		if bounded {
			n, err := strconv.Atoi(most)
			if err != nil || n < 1 {
				return fmt.Errorf("%q is not a number of restarts", most)
			}
			policy.Most = n
		}
	default:
		return fmt.Errorf("%q is none of no, on-failure[:N], always, unless-stopped", text)
	}
	*p = policy
	return nil
}

// Type implements pflag.Value.
func (p *RestartPolicy) Type() string { return "policy" }

// Again reports whether an instance that has ended with status, after so many
// restarts in a row, is to be started again. A stop that somebody asked for is
// the caller's to consider.
func (p RestartPolicy) Again(status, restarts int) bool {
	switch p.When {
	case RestartAlways, RestartUnlessStopped:
		return true
	case RestartOnFailure:
		return status != 0 && (p.Most == 0 || restarts < p.Most)
	}
	return false
}
