package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
)

const referenceHead = `# Driftline's configuration: every option with its default.
#
# Read with driftline --config FILE, or DRIFTLINE_CONFIG=FILE. Leave out what you do
# not change; unknown keys are errors. Later layers win: defaults, this file,
# variables, flags. The variable of an option is DRIFTLINE_ and its path in capitals:
# stream.lateness is DRIFTLINE_STREAM_LATENESS; lists are written a,b,c or as YAML.
#
# Durations: 90s, 15m, 24h, 7d, 2w, 1d12h. Sizes: 4096, 512KiB, 1MiB, 256MB.
# Times of events, cooldowns and windows are event time; only trainer.lease,
# trainer.schedule and historian.flush are wall time.
#
# Check a file with driftline config validate FILE; see what is in force, and where
# each value came from, with driftline config show --origin.
`

const referenceMapping = `# Every option of a topic's mapping, under topics.inputs. What a line holds is its
# default, but for feature_names, drop and segments, which are examples.
#
`

const referenceModels = `# Every option of a model. Remove "# " from these lines to watch one; what a line
# holds is its default, but for name, classes, columns and segments, which are examples.
# Sections that are off when left out (training, and relative_floors, slices and bias
# of its gate) are shown with what they start from.
#
`

// Reference returns the reference configuration, the text of
// deploy/config/driftline.yaml.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	d := Default()
	writeFields(&b, reflect.ValueOf(d), "", "")
	b.WriteString("\n" + referenceMapping)
	var in strings.Builder
	writeFields(&in, reflect.ValueOf(exampleMapping), "      ", "topics.inputs[].mapping")
	for line := range strings.Lines("    mapping:\n" + in.String()) {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	b.WriteString("\n" + referenceModels)
	var m strings.Builder
	writeList(&m, reflect.ValueOf([]Model{exampleModel()}), "  ", "models")
	for line := range strings.Lines("models:\n" + m.String()) {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	return b.String()
}

// exampleMapping shows lists as they may be.
var exampleMapping = Mapping{FeatureNames: []string{"age", "income"}, Drop: []string{"trace"}, Segments: []string{"meta.region"}}

// exampleModel has every section, each with what it starts from.
func exampleModel() Model {
	d := Default()
	m := d.NewModel("acis_growth_classifier")
	m.Classes = []string{"0", "1"}
	m.Columns = []string{"pe_ratio", "sector"}
	m.Segments = Segments{"region": {"eu", "us"}}
	t := DefaultTraining()
	t.Params = exampleParams()
	relative, slices, bias := RelativeFloors(*judge.Relative().Relative), defaultSlices, defaultBias
	t.Gate.Relative, t.Gate.Slices, t.Gate.Bias = &relative, &slices, &bias
	m.Training = &t
	m.settle()
	return m
}

// exampleParams are the learner's own defaults.
func exampleParams() map[string]any {
	p := gbdt.Default()
	return map[string]any{
		"objective": p.Objective, "n_estimators": p.NumRounds, "max_depth": p.MaxDepth, "learning_rate": p.LearningRate,
		"subsample": p.Subsample, "colsample_bytree": p.ColsampleByTree, "reg_lambda": p.Lambda, "reg_alpha": p.Alpha,
		"gamma": p.Gamma, "min_child_weight": p.MinChildWeight, "max_bin": p.MaxBin,
		"scale_pos_weight": p.ScalePosWeight, "early_stopping_rounds": p.EarlyStoppingRounds, "random_state": int(p.Seed), "n_jobs": p.NumJobs,
	}
}

func writeFields(b *strings.Builder, v reflect.Value, indent, prefix string) {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		name := field.Tag.Get("yaml")
		key := join(prefix, name)
		if prefix == "" {
			b.WriteString("\n")
		}
		doc := field.Tag.Get("doc")
		if enum := enumOf(field); enum != nil && field.Type.Kind() == reflect.String {
			doc += " One of: " + oneOf(enum) + "."
		}
		comment(b, indent, doc)
		if value.Kind() == reflect.Pointer && !value.IsNil() {
			value = value.Elem()
		}
		switch {
		case value.Kind() == reflect.Struct:
			fmt.Fprintf(b, "%s%s:\n", indent, name)
			writeFields(b, value, indent+"  ", key)
		case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Struct && value.Len() > 0:
			fmt.Fprintf(b, "%s%s:\n", indent, name)
			writeList(b, value, indent+"  ", key)
		case value.Kind() == reflect.Map && value.Len() > 0:
			fmt.Fprintf(b, "%s%s:\n", indent, name)
			names := value.MapKeys()
			slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
			for _, k := range names {
				fmt.Fprintf(b, "%s  %s: %s\n", indent, k, inline(value.MapIndex(k)))
			}
		default:
			fmt.Fprintf(b, "%s%s: %s\n", indent, name, inline(value))
		}
	}
}

// writeList writes the sections of a list; the comments stand in its first item.
func writeList(b *strings.Builder, list reflect.Value, indent, key string) {
	for i := range list.Len() {
		var item strings.Builder
		writeFields(&item, list.Index(i), indent+"  ", key+"[]")
		first := true
		for line := range strings.Lines(item.String()) {
			text := strings.TrimLeft(line, " ")
			switch {
			case strings.HasPrefix(text, "#") && i > 0:
				continue
			case strings.HasPrefix(text, "#") && first:
				b.WriteString(line[2:]) // above the dash
				continue
			case first:
				line, first = indent+"- "+text, false
			}
			b.WriteString(line)
		}
	}
}

// comment writes text in lines of about 92 characters.
func comment(b *strings.Builder, indent, text string) {
	const width = 92
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(indent)+len(line)+len(word) > width {
			fmt.Fprintf(b, "%s#%s\n", indent, line)
			line = ""
		}
		line += " " + word
	}
	if line != "" {
		fmt.Fprintf(b, "%s#%s\n", indent, line)
	}
}
