//go:build !stress

package wali

// callsPerCollect is after how many calls of a thread its Helper is asked to collect.
const callsPerCollect = 1 << 15
