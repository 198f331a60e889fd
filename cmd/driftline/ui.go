package main

// uiEmbedded tells whether this binary holds the built web UI. Package web has
// plain pages only, so far.
const uiEmbedded = false
