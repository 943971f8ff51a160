//go:build !stress

package wali

// callsPerCollect is after how many calls of a thread its Collector is asked.
const callsPerCollect = 1 << 15
