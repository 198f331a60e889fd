package cli

import "github.com/driftline/driftline/cmd/driftline/internal/config"

func (a *App) printSchema() error { return writeJSON(a.Out, config.Schema()) }

// setting is one line of "config show" as a table or with --origin.
type setting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

func (a *App) showConfig(f Format, origin bool) error {
	cfg, err := a.Load(nil)
	if err != nil {
		return err
	}
	if !origin && f == YAMLFormat {
		text, err := cfg.YAML()
		if err != nil {
			return err
		}
		_, err = a.Out.Write(text)
		return err
	}
	var list []setting
	for _, s := range cfg.Settings() {
		list = append(list, setting{Key: s.Key, Value: s.Value, Origin: cfg.Origin(s.Key)})
	}
	table := func() Table {
		t := Table{Head: []string{"KEY", "VALUE"}}
		if origin {
			t.Head = append(t.Head, "ORIGIN")
		}
		for i, s := range cfg.Settings() {
			row := []string{s.Key, s.Text}
			if origin {
				row = append(row, list[i].Origin)
			}
			t.Rows = append(t.Rows, row)
		}
		return t
	}
	return a.Print(f, list, table)
}
