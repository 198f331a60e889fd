package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
)

// run executes args over commands and returns code, stdout and stderr.
func run(t *testing.T, args []string, build func(*App) []*cobra.Command) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &App{Build: NewBuild("1.2.3", "abc", false), In: strings.NewReader(""), Out: &out, Err: &errs}
	code := a.Execute(t.Context(), args, build)
	return code, out.String(), errs.String()
}

// failing is a command "do" that takes one argument and returns err.
func failing(err error) func(*App) []*cobra.Command {
	return func(*App) []*cobra.Command {
		return []*cobra.Command{{
			Use: "do THING", Short: "Do it", Args: cobra.ExactArgs(1),
			RunE: func(*cobra.Command, []string) error { return err },
		}}
	}
}

func TestExecute_TurnsErrorsIntoCodesAndLines(t *testing.T) {
	t.Parallel()
	fault := func(key string) error { return &config.Fault{Where: "f.yaml:1", Key: key, Text: "bad"} }
	tests := []struct {
		name string
		err  error
		code int
		text string
	}{
		{"all is well", nil, OK, ""},
		{"a failure", errors.New("store is gone"), Failure, "driftline: store is gone\n"},
		{"drift found, nothing to add", &Exit{Code: Drift}, Drift, ""},
		{"not enough data, said why", &Exit{Code: NotEnoughData, Err: errors.New("12 rows, want 100")}, NotEnoughData, "driftline: 12 rows, want 100\n"},
		{"a code inside other words", fmt.Errorf("check: %w", &Exit{Code: NotEnoughData, Err: errors.New("no rows")}), NotEnoughData, "driftline: check: no rows\n"},
		{"usage", Usagef("--from after --to"), Usage, "driftline: --from after --to\n"},
		{"one fault", fault("a"), Usage, "driftline: f.yaml:1: a: bad\n"},
		{"all faults", errors.Join(fault("a"), fault("b")), Usage, "driftline: f.yaml:1: a: bad\ndriftline: f.yaml:1: b: bad\n"},
		{"faults inside a code", &Exit{Code: Usage, Err: errors.Join(errors.New("a"), errors.New("b"))}, Usage, "driftline: a\ndriftline: b\n"},
		{"a held directory", fmt.Errorf("all: %w", &datadir.LockedError{Path: "/d", PID: 7}), Usage,
			"driftline: all: data directory /d is in use by process 7; stop it or give another --data-dir\n"},
		{"a foreign directory", fmt.Errorf("%w: /d", datadir.ErrForeign), Usage, "driftline: data directory holds files that are not Driftline's: /d\n"},
		{"several lines are one", errors.New("first\n\tsecond\r\nthird"), Failure, "driftline: first; second; third\n"},
		{"text from outside cannot steer the terminal", errors.New("model \x1b[2Jx\a"), Failure, "driftline: model �[2Jx�\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, out, text := run(t, []string{"do", "it"}, failing(tt.err))
			if code != tt.code || text != tt.text || out != "" {
				t.Errorf("code %d, stderr %q, stdout %q; want %d, %q, none", code, text, out, tt.code, tt.text)
			}
		})
	}
	code, _, text := run(t, []string{"do"}, failing(errors.New("not reached")))
	if code != Usage || !strings.Contains(text, "accepts 1 arg(s), received 0; see driftline do --help") {
		t.Errorf("a missing argument: code %d, %q", code, text)
	}
}

func TestExecute_RequiredFlagIsUsage(t *testing.T) {
	t.Parallel()
	code, _, text := run(t, []string{"do"}, func(*App) []*cobra.Command {
		c := &cobra.Command{Use: "do", Short: "Do it", RunE: func(*cobra.Command, []string) error { return nil }}
		c.Flags().String("file", "", "a file")
		if err := c.MarkFlagRequired("file"); err != nil {
			t.Fatal(err)
		}
		return []*cobra.Command{c}
	})
	if code != Usage || text != "driftline: required flag(s) \"file\" not set\n" {
		t.Errorf("code %d, %q; want %d and the flag's name", code, text, Usage)
	}
}

func TestPrint_WritesTheSameKeysAsTableJSONAndYAML(t *testing.T) {
	t.Parallel()
	type model struct {
		Name string  `json:"name"`
		Rows int64   `json:"rows"`
		PSI  float64 `json:"psi"`
		Note *string `json:"note"`
	}
	models := []model{{"churn", 1 << 53, 0.31, nil}, {"a\tb\x1b[31m", 0, 0, nil}, {"true", 7, 1e-9, nil}}
	table := func() Table {
		t := Table{Head: []string{"MODEL", "ROWS"}, Empty: "no models"}
		for _, m := range models {
			t.Rows = append(t.Rows, []string{m.Name, fmt.Sprint(m.Rows)})
		}
		return t
	}
	tests := []struct {
		format Format
		want   string
	}{
		{TableFormat, "MODEL     ROWS\nchurn     9007199254740992\na b�[31m  0\ntrue      7\n"},
		{JSONFormat, `[
  {
    "name": "churn",
    "rows": 9007199254740992,
    "psi": 0.31,
    "note": null
  },
  {
    "name": "a\tb\u001b[31m",
    "rows": 0,
    "psi": 0,
    "note": null
  },
  {
    "name": "true",
    "rows": 7,
    "psi": 1e-9,
    "note": null
  }
]
`},
		{YAMLFormat, "- name: churn\n  rows: 9007199254740992\n  psi: 0.31\n  note: null\n- name: \"a\\tb\\e[31m\"\n  rows: 0\n  psi: 0\n  note: null\n- name: \"true\"\n  rows: 7\n  psi: 1e-9\n  note: null\n"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		a := &App{Out: &out}
		if err := a.Print(tt.format, models, table); err != nil || out.String() != tt.want {
			t.Errorf("%s: %v\n%q, want\n%q", tt.format, err, out.String(), tt.want)
		}
	}
	var out, errs bytes.Buffer
	a := &App{Out: &out, Err: &errs}
	if err := a.Print(TableFormat, nil, func() Table { return Table{Head: []string{"X"}, Empty: "no models"} }); err != nil || out.Len() > 0 || errs.String() != "no models\n" {
		t.Errorf("an empty table: %v, stdout %q, stderr %q", err, out.String(), errs.String())
	}
}

func TestCommonFlags_TellTheDefaultsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	defaults := config.Default()
	texts := map[string]string{}
	for _, s := range defaults.Settings() {
		texts[s.Key] = s.Text
	}
	for _, f := range optionFlags {
		text, known := texts[f.key]
		if !known {
			t.Errorf("--%s sets %s, which is no option", f.name, f.key)
		}
		if _, told, ok := strings.Cut(f.help, "(default "); ok && strings.TrimSuffix(told, ")") != text {
			t.Errorf("--%s tells default %s, the configuration has %s", f.name, told, text)
		}
	}
}

func TestLogger_FollowsLevelAndFormat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cfg  config.Log
		want []string
		not  string
	}{
		{config.Log{Level: "info", Format: "json"}, []string{`"level":"info"`, `"model":"churn"`, `"message":"window final"`}, "debugging"},
		{config.Log{Level: "debug", Format: "auto"}, []string{`"message":"debugging"`}, "\x1b["},
		{config.Log{Level: "error", Format: "console"}, nil, "window final"},
		{config.Log{Level: "info", Format: "console"}, []string{"INF", "window final"}, "\x1b["},
	}
	for _, tt := range tests {
		var errs bytes.Buffer
		log := (&App{Err: &errs}).Logger(tt.cfg)
		log.Debug().Msg("debugging")
		log.Info().Str("model", "churn").Msg("window final")
		for _, want := range tt.want {
			if !strings.Contains(errs.String(), want) {
				t.Errorf("%+v: %q lacks %q", tt.cfg, errs.String(), want)
			}
		}
		if strings.Contains(errs.String(), tt.not) {
			t.Errorf("%+v: %q holds %q", tt.cfg, errs.String(), tt.not)
		}
	}
	if log := (&App{Err: &bytes.Buffer{}}).Logger(config.Log{Level: "loud"}); log.GetLevel() != zerolog.InfoLevel {
		t.Errorf("an unknown level gives %s, want info", log.GetLevel())
	}
}

func TestApp_ReadsItsOwnEnvironmentOnly(t *testing.T) {
	t.Parallel()
	a := &App{Env: []string{"A=1", "AB=2", "A=3", "EMPTY="}}
	for name, want := range map[string]string{"A": "3", "AB": "2", "EMPTY": "", "PATH": ""} {
		if got := a.Getenv(name); got != want {
			t.Errorf("Getenv(%s) = %q, want %q; the process has %q", name, got, want, os.Getenv(name))
		}
	}
}

func TestClient_UsesDirectoryAndVariables(t *testing.T) {
	t.Parallel()
	a := &App{Env: []string{"MLFLOW_TRACKING_URI=http://127.0.0.1:9/x"}}
	cfg, err := config.Load(config.Layers{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir = t.TempDir()
	c, err := a.Client(t.Context(), cfg, "", nil)
	if err != nil || c.Name() != "http://127.0.0.1:9/x" {
		t.Fatalf("client %v, %v; want the one of MLFLOW_TRACKING_URI", c, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := (&App{}).Client(t.Context(), cfg, "", nil); err == nil || !strings.Contains(err.Error(), "driftline all") {
		t.Errorf("nothing runs: %v, want what to start", err)
	}
}
