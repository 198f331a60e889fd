package config

// Fault is one thing wrong with the configuration.
type Fault struct {
	Where string // file:line, variable, flag, or "default"
	Key   string // path with dots; empty where the file as a whole is meant
	Text  string // what was found and what is wanted
}

func (f *Fault) Error() string {
	text := f.Text
	if f.Key != "" {
		text = f.Key + ": " + text
	}
	if f.Where != "" {
		text = f.Where + ": " + text
	}
	return text
}
