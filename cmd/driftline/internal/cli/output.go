package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// Format is how something is printed.
type Format string

// The formats of -o.
const (
	TableFormat Format = "table"
	JSONFormat  Format = "json"
	YAMLFormat  Format = "yaml"
)

var _ pflag.Value = (*Format)(nil)

// Set implements pflag.Value; String and Type do too.
func (f *Format) Set(text string) error {
	switch Format(text) {
	case TableFormat, JSONFormat, YAMLFormat:
		*f = Format(text)
		return nil
	}
	return fmt.Errorf("want table, json or yaml")
}

// String is the format's name.
func (f *Format) String() string { return string(*f) }

// Type names the value in help texts.
func (f *Format) Type() string { return "table|json|yaml" }

// OutputFlag adds -o to a command that lists or shows something.
func OutputFlag(cmd *cobra.Command) *Format {
	f := TableFormat
	cmd.Flags().VarP(&f, "output", "o", "how to print")
	return &f
}

// Table is text in columns. Cells are printed as plain text: control characters
// in names from outside do not reach the terminal.
type Table struct {
	Head  []string
	Rows  [][]string
	Empty string // printed to standard error in place of a table without rows
}

// Print writes v in the format; table is asked only for the table. JSON and YAML
// have the same keys, those of the json tags.
func (a *App) Print(f Format, v any, table func() Table) error {
	switch f {
	case JSONFormat:
		return writeJSON(a.Out, v)
	case YAMLFormat:
		return writeYAML(a.Out, v)
	}
	t := table()
	if len(t.Rows) == 0 && t.Empty != "" {
		_, err := fmt.Fprintln(a.Err, t.Empty)
		return err
	}
	return t.write(a.Out)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeYAML goes through JSON, so that one set of tags names the keys and numbers
// stay as they are.
func writeYAML(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var doc yaml.Node // JSON is YAML; a node keeps the order of the keys
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("print as YAML: %w", err)
	}
	block(&doc)
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return fmt.Errorf("print as YAML: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}

// block drops the flow style and quotes that JSON text has.
func block(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode && len(n.Content) > 0 {
		n.Style = 0
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		n.Style = 0 // the encoder quotes where the text would read as something else
	}
	for _, c := range n.Content {
		block(c)
	}
}

func (t Table) write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells []string) error {
		clean := make([]string, len(cells))
		for i, c := range cells {
			clean[i] = plain(strings.ReplaceAll(c, "\t", " "))
		}
		_, err := fmt.Fprintln(tw, strings.TrimRight(strings.Join(clean, "\t"), "\t "))
		return err
	}
	if err := line(t.Head); err != nil {
		return err
	}
	for _, r := range t.Rows {
		if err := line(r); err != nil {
			return err
		}
	}
	return tw.Flush()
}
