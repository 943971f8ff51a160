package wali

import "golang.org/x/sys/unix"

// Message queues: struct mq_attr is eight longs, the same on both sides.

func sysMqNotify(t *Thread, a Args) int64 {
	return t.call(unix.SYS_MQ_NOTIFY, uintptr(a[0]), t.sigevent(a.Ptr(1), true), 0, 0, 0, 0)
}
