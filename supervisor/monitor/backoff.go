package monitor

import "time"

// backoff says how long to wait before the next restart.
type backoff struct{ next time.Duration }

const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = time.Minute

	// An instance that ran for so long has not failed in a row.
	backoffReset = 10 * time.Second
)

// delay returns the time to wait after a run that took ran. It doubles from run to
// run.
func (b *backoff) delay(ran time.Duration) time.Duration {
	if ran >= backoffReset || b.next == 0 {
		b.next = backoffFirst
	}
	d := b.next
	b.next = min(2*d, backoffMost)
	return d
}
