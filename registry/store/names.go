package store

import (
	"fmt"
	"math/rand/v2"
)

var (
	nameAdjectives = []string{
		"amber", "bold", "brisk", "calm", "clear", "crisp", "eager", "early", "fair", "fleet", "gentle", "glad", "grand",
		"hardy", "keen", "kind", "light", "lively", "lucid", "mellow", "merry", "nimble", "noble", "patient", "plain",
		"proud", "quick", "quiet", "rapid", "ready", "serene", "sharp", "silent", "smooth", "steady", "still", "sunny",
		"swift", "tidy", "vivid", "warm", "wise",
	}
	nameNouns = []string{
		"badger", "beacon", "birch", "brook", "cedar", "cliff", "cloud", "cove", "crane", "delta", "dune", "falcon", "fern",
		"field", "finch", "fjord", "gull", "harbor", "hare", "heron", "hill", "island", "lake", "lark", "maple", "meadow",
		"oak", "otter", "owl", "pine", "pond", "raven", "reef", "ridge", "river", "shore", "sparrow", "stone", "stork",
		"tide", "trout", "willow", "wren",
	}
)

// randomName gives a name such as "steady-heron-417" to what has none.
func randomName() string {
	return fmt.Sprintf("%s-%s-%d", nameAdjectives[rand.IntN(len(nameAdjectives))], nameNouns[rand.IntN(len(nameNouns))], rand.IntN(1000))
}
