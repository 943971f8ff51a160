package helper

import (
	"walisup/helper/duplicate"
	"walisup/wali"
)

// Fork implements wali.Forker.
func (t *thread) Fork(c wali.Clone) int64 {
	r := duplicate.Fork(&duplicate.Call{
		Flags: c.Flags, ParentTID: c.ParentTID, ChildTID: c.ChildTID,
		Clone3: c.Args, Clone3Size: c.ArgsSize,
		Left: t.others(nil),
	})
	if r == 0 {
		t.forked()
	}
	return r
}
