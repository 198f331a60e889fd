package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"

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

--print makes nothing: it prints commands for Kafka's own tools (kafka), or KafkaTopic
and KafkaUser resources for Strimzi (strimzi), with the least rights of each role, its
groups and client id, and the bytes to expect. The other flags belong to --print.`,
	}
	f := c.Flags()
	o := printOptions{load: app.DefaultLoad()}
	f.StringVar(&o.form, "print", "", "only print: `kafka|strimzi`")
	f.StringArrayVar(&o.principals, "principal", nil, "user of the roles, {role} standing for the role, or `ROLE=USER` for one of them; may be repeated (default User:driftline-{role})")
	f.StringVar(&o.cluster, "cluster", "my-cluster", "strimzi: `name` of the Kafka resource")
	f.StringVar(&o.authentication, "authentication", "scram-sha-512", "strimzi: how the users log in, `scram-sha-512|tls|none`")
	f.Float64Var(&o.load.EventsPerSecond, "rate", o.load.EventsPerSecond, "expected bytes: events a second, all inputs together")
	f.IntVar(&o.load.EventBytes, "event-bytes", o.load.EventBytes, "expected bytes: bytes of one event as it is written")
	f.IntVar(&o.load.Features, "features", o.load.Features, "expected bytes: features of a model")
	f.IntVar(&o.load.Models, "models", o.load.Models, "expected bytes: models")
	f.IntVar(&o.load.ModelPartitions, "model-partitions", 0, "expected bytes: input partitions that hold events of one model, 0 for all")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := a.Load(nil)
		if err != nil {
			return err
		}
		if f.Changed("print") {
			text, err := printTopics(&app.Parts{Cfg: &cfg.Config}, o)
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
		Long: `Compare every topic with what is needed: partitions, copies, clean-up, retention, bounds of
record times, and whether record times fit the retention. Each finding comes with what to
do. Ends with code 1 if a topic cannot be used as it is.`,
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
