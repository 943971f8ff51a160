//go:build stress

package wali

// callsPerCollect is small in a stress build, see package helper.
const callsPerCollect = 32
