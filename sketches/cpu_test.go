package sketches

import (
	"syscall"
	"testing"
)

// cpuTime reports the CPU time per operation of what it runs, which other work on the
// machine disturbs less than the time that passes.
func cpuTime(b *testing.B, run func()) {
	b.Helper()
	before := cpuNanos()
	run()
	b.ReportMetric(float64(cpuNanos()-before)/float64(b.N), "cpu-ns/op")
}

func cpuNanos() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
