package web

import (
	"strings"

	"github.com/driftline/driftline/registry/store"
)

// stateWord is a retrain's state for people.
func stateWord(state string) string {
	if w, ok := map[string]string{
		store.RetrainQueued: "queued", store.RetrainChecked: "checked", store.RetrainLeased: "started", store.RetrainDataset: "rows read",
		store.RetrainTrained: "trained", store.RetrainEvaluated: "evaluated", store.RetrainRegistered: "registered", store.RetrainGated: "judged",
		store.RetrainApproval: "waits for approval", store.RetrainBlocked: "blocked", store.RetrainPromoted: "promoted",
		store.RetrainProbation: "promoted, on probation", store.RetrainDone: "done", store.RetrainCoalesced: "not needed",
		store.RetrainRejected: "refused", store.RetrainRolledBack: "rolled back", store.RetrainFailed: "failed",
	}[state]; ok {
		return w
	}
	return strings.ToLower(state)
}

// stateTone groups states for colour and shape: good, bad, busy or plain.
func stateTone(state string) string {
	switch state {
	case store.RetrainPromoted, store.RetrainProbation, store.RetrainDone, "pass", "resolved", "stable":
		return "good"
	case store.RetrainRejected, store.RetrainRolledBack, store.RetrainFailed, "fail", "firing", "drifted":
		return "bad"
	case store.RetrainApproval, store.RetrainBlocked, "undecided", "warned":
		return "wait"
	case store.RetrainCoalesced, "skipped", "superseded", "insufficient", "learning":
		return "plain"
	}
	return "busy"
}

// toneShape stands for the colour of a tone.
func toneShape(tone string) string {
	switch tone {
	case "good":
		return "✓"
	case "bad":
		return "▲"
	case "wait":
		return "!"
	case "busy":
		return "…"
	}
	return "–"
}
