package commands

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
)

func TestJudgeClock(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(startMS)
	tests := []struct {
		name  string
		o     offset
		state string
		says  string
	}{
		{"a record that just came", between(at.Add(time.Second), at, at.Add(2*time.Second)), stateOK, "within 1s"},
		{"a slow answer proves nothing", between(at, at, at.Add(50*time.Second)), stateOK, "within 50s"},
		{"ahead beyond what promises allow for", between(at.Add(22*time.Second), at, at.Add(2*time.Second)), stateWarn, "ahead of this machine's by 20s"},
		{"far ahead", between(at.Add(time.Hour), at, at.Add(time.Second)), stateFail, "ahead of this machine's by 59m59s"},
		{"behind", between(at.Add(-15*time.Second), at, at.Add(time.Second)), stateWarn, "behind this machine's by 15s"},
		{"far behind", between(at.Add(-10*time.Minute), at, at), stateFail, "behind this machine's by 10m"},
		{"an old record only", offset{low: -time.Hour}, stateOK, "not ahead"},
		{"an old record from the future", offset{low: time.Minute}, stateFail, "ahead of this machine's by 1m"},
	}
	for _, tt := range tests {
		if state, found := judgeClock(tt.o); state != tt.state || !strings.Contains(found, tt.says) {
			t.Errorf("%s: %s, %s; want %s saying %q", tt.name, state, found, tt.state, tt.says)
		}
	}
}

// Offsets that point outside what a topic holds, and a clock that runs ahead.
func TestDoctor_OffsetsAndClocks(t *testing.T) {
	t.Parallel()
	e, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0", AfterMax: 2 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	o := newOutside(t, []string{e.Addr()}, "d", false)
	o.topic("d-in", 2, nil)
	o.must("topics", "create")
	in := func(i int32) log.Partition { return log.Partition{Topic: "d-in", Index: i} }
	for i := range int32(2) {
		for range 10 {
			if err := o.kafka.Append(t.Context(), []log.Record{{Partition: in(i), TimeMS: log.StampNow, Value: []byte(`{"type":"tick"}`)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	commit := func(group string, p log.Partition, at int64) {
		t.Helper()
		if err := o.kafka.Commit(t.Context(), group, p, at); err != nil {
			t.Fatal(err)
		}
	}
	commit("driftline-collect", in(0), 10)
	got := o.checks(0, "doctor", "--json")
	o.want(got, "offsets of collect on d-in", stateOK, "1 of 2 partitions have one")
	o.want(got, "rights", stateOK, "enough for collect, evaluate, historian, trainer")
	o.want(got, "broker calls", stateOK, "every call")
	o.want(got, "clock of the producers of d-in", stateOK, "not ahead")
	o.want(got, "clock of the workers of collect", stateOK, "no record")

	commit("driftline-collect", in(1), 2)
	if err := e.DropRecords("d-in", 1, 7); err != nil {
		t.Fatal(err)
	}
	o.want(o.checks(0, "doctor", "--json"), "offsets of collect on d-in", stateWarn, "5 records were removed before they were read: partition 1 at 2, first held 7")
	commit("driftline-collect", in(1), 99)
	o.want(o.checks(cli.Failure, "doctor", "--json"), "offsets of collect on d-in", stateFail, "raise incarnation")
	commit("driftline-collect", in(1), 10)
	commit("driftline-evaluate", log.Partition{Topic: "d.panes", Index: 1}, 5)
	o.want(o.checks(cli.Failure, "doctor", "--json"), "offsets of evaluate on d.panes", stateFail, "partition 1 at 5, end 0")

	commit("driftline-evaluate", log.Partition{Topic: "d.panes", Index: 1}, 0)
	ahead := log.Record{Partition: in(0), TimeMS: time.Now().Add(time.Hour).UnixMilli(), Value: []byte(`{"type":"tick"}`)}
	if err := o.kafka.Append(t.Context(), []log.Record{ahead}); err != nil {
		t.Fatal(err)
	}
	o.want(o.checks(cli.Failure, "doctor", "--json"), "clock of the producers of d-in", stateFail, "ahead of this machine's by 59m")
}

// The rights that topics create --print kafka prints are enough for every role, and
// none of them is spare: Apache Kafka's own authorizer grants exactly those.
func TestDoctor_RightsAsPrintedAreEnough(t *testing.T) {
	t.Parallel()
	users := map[string]string{}
	for _, role := range []string{"collect", "evaluate", "historian", "trainer", "setup", "nobody"} {
		users[role] = role + "-secret"
	}
	k := kafkatest.StartSecure(t, users)
	o := newOutside(t, k.Brokers(), "rights", true)
	text := o.must("topics", "create", "--print", "kafka", "--principal", "User:{role}")
	spare := "" // one right of collect that is granted last
	grants := 0
	for line := range strings.Lines(text) {
		if principal, kind, name, ops, ok := parseACL(t, line); ok {
			if spare == "" && principal == "User:collect" && name == "rights.panes" {
				spare = line
				continue
			}
			k.Allow(principal, kind, name, ops...)
			grants++
		}
	}
	if grants < 30 || spare == "" {
		t.Fatalf("%d rights printed:\n%s", grants, text)
	}
	as := func(user string) *outside {
		b := *o.bench
		password := b.write("password-"+user, users[user]+"\n")
		settings := strings.NewReplacer(
			"replicas: 1", fmt.Sprintf("replicas: 1, sasl: {mechanism: PLAIN, username: %s, password_file: %s}", user, password),
			"stream: {", "stream: {resolution: 1s, slide: 10, windows: [10s, 40s], lateness: 2s, skew: 1s, disorder: 2s, ",
		).Replace(fmt.Sprintf(outsideSettings, b.dir+"/data-"+user, k.Login, "rights", true)) + "policy: {trigger_from: 10s}\nadmission: {mode: auto}\n"
		b.file = b.write(user+".yaml", settings)
		return &outside{&b, o.brokers, o.kafka}
	}
	as("setup").must("topics", "create")
	collect := as("collect")
	got := collect.checks(cli.Failure, "doctor", "--json", "--role", "collect")
	o.want(got, "rights", stateFail, "lacks Write, Describe on topic rights.panes")
	principal, kind, name, ops, _ := parseACL(t, spare)
	k.Allow(principal, kind, name, ops...)
	for _, role := range []string{"collect", "evaluate", "historian", "trainer"} {
		if got := rightsOf(as(role), role); got.State != stateOK {
			t.Errorf("%s: %+v", role, got)
		}
	}
	if got := rightsOf(as("nobody"), ""); got.State != stateFail {
		t.Errorf("a user without rights: %+v", got)
	}
	if got := rightsOf(collect, ""); got.State != stateWarn || !strings.Contains(got.Found, "enough for collect") {
		t.Errorf("collect, its role not named: %+v; want a warning that says for which roles it is enough", got)
	}
	if got := as("setup").checks(0, "topics", "check", "-o", "json"); got["topic rights.control"].State != stateOK {
		t.Errorf("topics check by setup: %v", got)
	}
	rightsInUse(t, o, as)
}

// rightsInUse runs every role as its own user, from events to scores in the database.
func rightsInUse(t *testing.T, root *outside, as func(string) *outside) {
	t.Helper()
	var recs []log.Record
	for i := range 1400 {
		ms := startMS + int64(i/2)*100
		recs = append(recs, log.Record{
			Partition: log.Partition{Topic: "rights-in", Index: int32(i % 2)}, TimeMS: ms,
			Value: fmt.Appendf(nil, `{"type":"prediction","model":"churn","id":"p%d","features":{"amount":%d},"score":0.5}`, i, i%17),
		})
	}
	for part := range int32(2) {
		recs = append(recs, log.Record{Partition: log.Partition{Topic: "rights-in", Index: part}, TimeMS: startMS + 80_000, Value: []byte(`{"type":"tick"}`)})
	}
	if err := root.kafka.Append(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	until := func(ctx context.Context, what string, ok func() bool) {
		for !ok() {
			select {
			case <-ctx.Done():
				t.Errorf("%s: %v", what, ctx.Err())
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	// One after the other: each finds what the one before has written.
	for _, x := range []struct {
		role  string
		roles app.Roles
		done  func(ctx context.Context, r *app.Running)
	}{
		{"collect", app.Roles{Collect: true}, func(ctx context.Context, r *app.Running) {
			until(ctx, "collect publishes what it read of both partitions, and commits", func() bool {
				for part := range int32(2) {
					p := log.Partition{Topic: "rights-in", Index: part}
					at, err := r.Kafka.Committed(ctx, r.Group("collect"), p)
					told := r.Progress.Sources()[p] // of the last cycle that was complete
					if err != nil || at <= 0 || told.Next < 701 {
						return false
					}
				}
				return true
			})
			if err := r.Kafka.Append(ctx, []log.Record{{Partition: log.Partition{Topic: "rights-in"}, TimeMS: log.StampNow, Value: []byte("x")}}); err == nil {
				t.Error("collect may write events")
			}
		}},
		{"evaluate", app.Roles{Evaluate: true}, func(ctx context.Context, r *app.Running) {
			until(ctx, "evaluate judges", func() bool {
				ms, ok := r.Progress.JudgedMS()
				// Not all of it: from the pane on that admits the model it waits for collect,
				// which has ended, to know of it.
				return ok && ms >= startMS+20_000
			})
			if _, err := r.Kafka.Fetch(ctx, log.Partition{Topic: "rights-in"}, 0, 0); err == nil {
				t.Error("evaluate may read events")
			}
		}},
		{"historian", app.Roles{Historian: true}, func(ctx context.Context, r *app.Running) {
			until(ctx, "historian stores scores", func() bool {
				models, err := r.Store.WatchedModels(ctx)
				return err == nil && len(models) == 1 && models[0].Name == "churn" && r.History.Position(log.Partition{Topic: "rights-in"}) > 0
			})
		}},
		{"trainer", app.Roles{Trainer: true}, func(ctx context.Context, r *app.Running) {
			if _, err := r.ReadControl(ctx); err != nil {
				t.Errorf("trainer reads control: %v", err)
			}
		}},
	} {
		if logged, err := as(x.role).role(x.roles, x.done); err != nil {
			t.Errorf("%s with the printed rights: %v\n%s", x.role, err, logged)
		}
	}
}

func rightsOf(o *outside, role string) check {
	args := []string{"doctor", "--json"}
	if role != "" {
		args = append(args, "--role", role)
	}
	_, out, errs := o.run(args...)
	var r report
	decode(o.t, out, &r)
	for _, c := range r.Checks {
		if c.Name == "rights" {
			return c
		}
	}
	o.t.Fatalf("doctor did not look at rights: %s%s", out, errs)
	return check{}
}

// parseACL reads a line for kafka-acls.sh.
func parseACL(t *testing.T, line string) (principal, kind, name string, ops []string, ok bool) {
	t.Helper()
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "kafka-acls.sh" {
		return "", "", "", nil, false
	}
	for i := 1; i+1 < len(words); i++ {
		switch words[i] {
		case "--allow-principal":
			principal = words[i+1]
		case "--operation":
			ops = append(ops, words[i+1])
		case "--topic", "--group":
			kind, name = strings.TrimPrefix(words[i], "--"), words[i+1]
		}
	}
	return principal, kind, name, ops, true
}
