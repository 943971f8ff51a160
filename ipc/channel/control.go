package channel

import (
	"sync/atomic"
	"time"
)

// Ring wakes whoever sleeps in [Channel.Await].
func (c *Channel) Ring() {
	atomic.AddUint32(c.word32(headBell), 1)
	if c.load32(headSleepers) != 0 {
		wake(c.word32(headBell))
	}
}

// Bell is to be read before one looks for news, and given to [Channel.Await] if there are
// none.
func (c *Channel) Bell() uint32 { return c.load32(headBell) }

// Await sleeps until the supervisor's doorbell has been rung since Bell returned
// seen, or for a time. It may return early.
func (c *Channel) Await(seen uint32, timeout time.Duration) {
	atomic.AddUint32(c.word32(headSleepers), 1)
	sleep(c.word32(headBell), seen, int64(timeout))
	// A sleeper that is killed is counted for ever: helpers then make a futex call
	// that they need not, until the next supervisor calls ResetSleepers.
	atomic.AddUint32(c.word32(headSleepers), ^uint32(0))
}

// ResetSleepers forgets who slept at the doorbell before. A supervisor that takes
// over a channel calls it; others that sleep then may wake only by their timeouts.
func (c *Channel) ResetSleepers() { c.store32(headSleepers, 0) }

// TraceWord is the word that changes whenever tracing is turned on, off or set
// otherwise. Bit 0 says that it is on. Only the supervisor writes it.
func (c *Channel) TraceWord() *uint32 { return c.word32(headTrace) }

// SetTrace turns tracing on with settings, or off, and wakes helpers that sleep in
// [Channel.AwaitOrders]. Only one process may do so at a time. settings are at most
// [SettingsSize] bytes.
func (c *Channel) SetTrace(on bool, settings []byte) {
	generation := (c.load32(headTrace) | 1) + 1
	c.store32(headTrace, generation) // off, while the settings change
	room := c.bytes(headSettings, SettingsSize)
	clear(room)
	copy(room, settings)
	if on {
		c.store32(headTrace, generation|1)
	}
	c.order()
}

// TraceSettings copies the settings to buf, which needs [SettingsSize] bytes, and
// returns the trace word that they belong to. ok is false if they were changed
// meanwhile or tracing is off. Helpers call it, and trust what the supervisor wrote
// as little as anything here.
func (c *Channel) TraceSettings(buf []byte) (word uint32, ok bool) {
	word = c.load32(headTrace)
	if word&1 == 0 {
		return word, false
	}
	copy(buf, c.bytes(headSettings, SettingsSize))
	return word, c.load32(headTrace) == word
}

// SetStop says whether helpers are to make no more processes: fork gives EAGAIN.
func (c *Channel) SetStop(stop bool) {
	var v uint32
	if stop {
		v = 1
	}
	c.store32(headStop, v)
	c.order()
}

// Stopped reports what SetStop has said last.
func (c *Channel) Stopped() bool { return c != nil && c.load32(headStop) != 0 }

// order wakes helpers that sleep in AwaitOrders.
func (c *Channel) order() {
	atomic.AddUint32(c.word32(headHelperBell), 1)
	wake(c.word32(headHelperBell))
}

// Orders is the helpers' counterpart of Bell.
func (c *Channel) Orders() uint32 { return c.load32(headHelperBell) }

// AwaitOrders sleeps until a control word has been changed since Orders returned
// seen, or for a time. It may return early.
func (c *Channel) AwaitOrders(seen uint32, timeout time.Duration) {
	sleep(c.word32(headHelperBell), seen, int64(timeout))
}
