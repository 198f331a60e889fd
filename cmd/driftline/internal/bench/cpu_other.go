//go:build !unix

package bench

import (
	"errors"
	"time"
)

func cpu() (time.Duration, error) {
	return 0, errors.New("the CPU time of a process cannot be read on this system; run the benchmark on Linux or another Unix")
}
