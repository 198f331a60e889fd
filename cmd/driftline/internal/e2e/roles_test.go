package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
)

// Every role as a process of its own, on Apache Kafka and PostgreSQL: the same events
// give the scores and drift events that a replay of the log gives, also after each
// stream role was killed, and the history holds them.
func TestRoles_OnKafkaAndPostgreSQL(t *testing.T) {
	long(t)
	cluster := kafkatest.Start(t, 1)
	database := storetest.Postgres(t)
	cfg, dir := archiveFiles(t, archiveConfig)
	brokers := strings.Join(cluster.Brokers(), ",")
	fill(t, cfg, 20_000, app.Want{Broker: true}, config.Flag{Name: "--brokers", Key: "broker.brokers", Value: brokers})

	ports := freePorts(t, 6)
	role := func(name string, port int) *process {
		return start(t, nil, "run", name, "--config", cfg, "--brokers", brokers, "--database-url", database, "--data-dir", dir+"-"+name,
			"--artifact-root", dir+"-artifacts", "--ops-listen", "127.0.0.1:"+strconv.Itoa(port), "--listen", "127.0.0.1:"+strconv.Itoa(ports[5]), "--log-level", "warn")
	}
	collect, evaluate := role("collect", ports[0]), role("evaluate", ports[1])
	role("historian", ports[2])
	role("trainer", ports[3])
	serve := role("serve", ports[4])
	for range 3 {
		time.Sleep(1500 * time.Millisecond)
		collect.kill()
		evaluate.kill()
		collect, evaluate = role("collect", ports[0]), role("evaluate", ports[1])
	}

	want := replayedFrom(t, "--config", cfg, "--brokers", brokers, "--data-dir", dir+"-replay")
	if len(want) < 100 {
		t.Fatalf("the replay prints %d lines: too few to compare", len(want))
	}
	var got []string
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		if got = recorded(t, cluster.Brokers()[0]); len(got) >= len(want) {
			break
		}
	}
	if diff := firstDiff(want, got); diff != "" {
		t.Fatalf("recorded scores and events differ from the replay: %s\ncollect: %s\nevaluate: %s", diff, collect.log(), evaluate.log())
	}

	server := "http://127.0.0.1:" + strconv.Itoa(ports[5])
	var listed string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		out, _, err := output(t, 30*time.Second, nil, "models", "list", "--server", server, "-o", "json", "--config", cfg)
		if listed = string(out); err == nil && strings.Contains(listed, "alpha") && strings.Contains(listed, "beta") {
			break
		}
	}
	if !strings.Contains(listed, "alpha") || !strings.Contains(listed, "beta") {
		t.Errorf("models list through role serve: %s\n%s", listed, serve.log())
	}
	t.Logf("%d scores and drift events: equal", len(want))
}

func replayedFrom(t *testing.T, args ...string) []string {
	t.Helper()
	out, errs, err := output(t, 5*time.Minute, nil, append([]string{"replay", "--json"}, args...)...)
	if err != nil {
		t.Fatalf("replay: %v\n%s", err, errs)
	}
	return lines(out)
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports, err := kafkatest.FreePorts(n)
	if err != nil {
		t.Fatal(err)
	}
	return ports
}
