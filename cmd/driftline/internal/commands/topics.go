package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/stream/log"
)

// Topics is "driftline topics create|check".
func Topics(a *cli.App) *cobra.Command {
	return cli.Group("topics", "Kafka topics: create, check", topicsCreate(a), topicsCheck(a))
}

func topicsCreate(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "create", Short: "Make the topics that do not exist", Args: cobra.NoArgs,
		Long: `Make the topics that do not exist, with the partitions and settings they need. Existing
ones stay as they are: driftline topics check compares them.

--print makes nothing: it prints commands for Kafka's own tools, or KafkaTopic and
KafkaUser resources for Strimzi, with the rights each role needs.`,
	}
	tool := c.Flags().String("print", "", "only print: `kafka|strimzi`")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := a.Load(nil)
		if err != nil {
			return err
		}
		if c.Flags().Changed("print") {
			text, err := printTopics(&app.Parts{Cfg: &cfg.Config}, *tool)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.Out, text)
			return err
		}
		p, _, err := app.Beside(c.Context(), &cfg.Config, quiet(a, cfg), a.Build.Version, app.Want{Broker: true})
		if err != nil {
			return err
		}
		return also(createTopics(c.Context(), a, p), p.Close)
	}
	return c
}

func createTopics(ctx context.Context, a *cli.App, p *app.Parts) error {
	specs := p.TopicSpecs()
	t := cli.Table{Head: []string{"TOPIC", "RESULT", "PARTITIONS"}}
	before := map[string]bool{}
	for _, s := range specs {
		_, err := p.Kafka.Partitions(ctx, s.Name)
		if err != nil && !errors.Is(err, log.ErrNoTopic) {
			return err
		}
		before[s.Name] = err == nil
	}
	if err := p.CreateTopics(ctx); err != nil {
		return err
	}
	for _, s := range specs {
		n, err := p.Kafka.Partitions(ctx, s.Name)
		if err != nil {
			return err
		}
		result := "made"
		if before[s.Name] {
			result = "was there"
		}
		t.Rows = append(t.Rows, []string{s.Name, result, strconv.Itoa(n)})
	}
	return a.Print(cli.TableFormat, nil, func() cli.Table { return t })
}

func topicsCheck(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "check", Short: "Compare the topics with what is needed", Args: cobra.NoArgs,
		Long: "Compare every topic's partitions and settings with what is needed. Ends with code 1 if one cannot be used as it is.",
	}
	out := cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := a.Load(nil)
		if err != nil {
			return err
		}
		p, _, err := app.Beside(c.Context(), &cfg.Config, quiet(a, cfg), a.Build.Version, app.Want{Broker: true})
		if err != nil {
			return err
		}
		return also(printChecks(a, *out, checkTopics(c.Context(), p)), p.Close)
	}
	return c
}

// printChecks prints checks and ends with code 1 where one failed.
func printChecks(a *cli.App, out cli.Format, checks []check) error {
	err := a.Print(out, checksOf(checks), func() cli.Table {
		t := cli.Table{Head: []string{"CHECK", "STATE", "FOUND", "TO DO"}}
		for _, c := range checks {
			t.Rows = append(t.Rows, []string{c.Name, c.State, c.Found, or(c.Mend, unknown)})
		}
		return t
	})
	if err != nil {
		return err
	}
	for _, c := range checks {
		if c.State == stateFail {
			return &cli.Exit{Code: cli.Failure}
		}
	}
	return nil
}

// unbounded tells whether a setting in milliseconds is no limit.
func unbounded(value string) bool {
	n, err := strconv.ParseInt(value, 10, 64)
	return err == nil && n < 0
}

// checkTopics compares all topics with what is needed.
func checkTopics(ctx context.Context, p *app.Parts) []check {
	var out []check
	historical := map[string]bool{}
	for _, in := range p.Cfg.Topics.Inputs {
		historical[in.Topic] = in.Historical
	}
	own := strings.TrimSuffix(p.Topics().Control, "control")
	for _, spec := range p.TopicSpecs() {
		out = append(out, checkTopic(ctx, p, spec, strings.HasPrefix(spec.Name, own), historical[spec.Name]))
	}
	return out
}

func checkTopic(ctx context.Context, p *app.Parts, spec log.Topic, own, historical bool) check {
	name := "topic " + spec.Name
	n, err := p.Kafka.Partitions(ctx, spec.Name)
	if errors.Is(err, log.ErrNoTopic) {
		return check{name, stateFail, "does not exist", "driftline topics create"}
	}
	if err != nil {
		return check{name, stateFail, err.Error(), "check the brokers and the rights of this user"}
	}
	cfg, err := p.Kafka.TopicConfig(ctx, spec.Name)
	if err != nil {
		return check{name, stateFail, err.Error(), "give this user the right to describe the settings of topics"}
	}
	found := fmt.Sprintf("%d partitions, cleanup %s, retention.ms %s", n, or(cfg["cleanup.policy"], "unknown"), or(cfg["retention.ms"], "unknown"))
	switch {
	case own && n != spec.Partitions:
		return check{name, stateFail, found, fmt.Sprintf("needs exactly %d partitions: set stream.partitions to what the deployment was made with, or make the topic anew under another topics.prefix", spec.Partitions)}
	case spec.Config["cleanup.policy"] == "compact" && cfg["cleanup.policy"] != "compact":
		return check{name, stateFail, found, "set cleanup.policy=compact: without it the state that a restart needs is deleted"}
	case spec.Config["cleanup.policy"] == "delete" && strings.Contains(cfg["cleanup.policy"], "compact"):
		return check{name, stateFail, found, "set cleanup.policy=delete: compaction removes records that are still needed"}
	case own && spec.Config["retention.ms"] == "-1" && !unbounded(cfg["retention.ms"]):
		return check{name, stateFail, found, "set retention.ms=-1 and retention.bytes=-1: this topic is read from its beginning"}
	case historical && !unbounded(cfg["retention.ms"]):
		return check{name, stateFail, found, "set retention.ms=-1 and limit retention.bytes: brokers count retention from record times, so old records would be deleted at once"}
	case own && spec.Config["cleanup.policy"] == "delete" && shorter(cfg["retention.ms"], spec.Config["retention.ms"]):
		return check{name, stateWarn, found, "set retention.ms=" + spec.Config["retention.ms"]}
	}
	return check{Name: name, State: stateOK, Found: found}
}

// shorter tells whether have is a limit below want; both in milliseconds, below 0
// without limit.
func shorter(have, want string) bool {
	h, err1 := strconv.ParseInt(have, 10, 64)
	w, err2 := strconv.ParseInt(want, 10, 64)
	return err1 == nil && err2 == nil && h >= 0 && (w < 0 || h < w)
}
