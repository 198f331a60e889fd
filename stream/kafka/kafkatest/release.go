package kafkatest

import (
	"fmt"
	"os"
	"path/filepath"
)

// release is one line of Apache Kafka and where its jars lie.
type release struct{ variable, folder string }

var (
	current = release{"DRIFTLINE_KAFKA_LIB", "lib"}
	old     = release{"DRIFTLINE_KAFKA_OLD_LIB", "lib-old"}
)

// jars returns the directory of the release's jars.
func (r release) jars() (string, error) {
	lib := os.Getenv(r.variable)
	if lib == "" {
		root, err := repository()
		if err != nil {
			return "", err
		}
		lib = filepath.Join(root, ".cache", "kafka", r.folder)
	}
	found, err := filepath.Glob(filepath.Join(lib, "kafka_2.13-*.jar"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("no Kafka jars in %s: run .ci/kafka/fetch, or set %s", lib, r.variable)
	}
	if _, err := javaPath(); err != nil {
		return "", fmt.Errorf("no java (17 or newer) in PATH: %w", err)
	}
	return lib, nil
}
