// Package client finds the Driftline instance a command should talk to and speaks
// JSON with its API below /api/v1.
//
// Order: a URL that was given; MLFLOW_TRACKING_URI where it is an HTTP URL; the
// instance that holds the data directory, by its run.json; else a handler inside
// this process, which the caller opens over store and broker. The last takes the
// data directory's lock, so two commands never open one store file side by side.
//
// Every request has a time limit, answers are bounded in size, and errors say what
// was asked of whom. Passwords in URLs never reach an error text.
package client
