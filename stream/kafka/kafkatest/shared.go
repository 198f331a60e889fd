package kafkatest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
)

// shared is the one node that the tests of a package use together. It is started by
// the first that asks and ended by Main.
var shared struct {
	mu  sync.Mutex
	c   *Cluster
	dir string
	err error
}

// Shared returns the brokers of a node that all tests of the package use together:
// each takes topics of its own, and none may stop it. The package's TestMain must
// call Main.
func Shared(t testing.TB) []string {
	t.Helper()
	lib := needed(t, current)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.c == nil && shared.err == nil {
		shared.c = &Cluster{}
		if shared.dir, shared.err = os.MkdirTemp("", "driftline-kafka-"); shared.err == nil {
			// Not the context of one test: the node outlives it.
			shared.err = shared.c.launch(context.WithoutCancel(t.Context()), lib, shared.dir, 1, nil)
		}
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.c.Brokers()
}

// Main runs the tests of a package and ends the node they share.
func Main(m *testing.M) int {
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.c == nil {
		return code
	}
	var errs []error
	for _, n := range shared.c.nodes {
		errs = append(errs, n.kill())
	}
	if err := errors.Join(append(errs, os.RemoveAll(shared.dir))...); err != nil {
		_, _ = os.Stderr.WriteString("end the Kafka that tests share: " + err.Error() + "\n")
		return max(code, 1)
	}
	return code
}
