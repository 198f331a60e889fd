package kafkatest

import (
	"slices"
	"testing"
)

func TestFreePorts_LieWhereNoClientIsGivenOne(t *testing.T) {
	t.Parallel()
	ports, err := FreePorts(50)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Min(ports) < firstPort || slices.Max(ports) >= endPort {
		t.Errorf("%v, want %d to %d", ports, firstPort, endPort-1)
	}
	slices.Sort(ports)
	if len(slices.Compact(ports)) != 50 {
		t.Errorf("a port is there twice: %v", ports)
	}
}
