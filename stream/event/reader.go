package event

// Raw is one record as its topic holds it. The slices belong to whoever read the
// record and may be overwritten after the next fetch.
type Raw struct {
	Key, Value []byte
	Headers    Headers
	TimeMS     int64 // record time, epoch ms
}

// Reader turns a record into events. *Decoder is the one for native JSON; mappings and
// binary formats are others. What Read returns is a function of the record alone: no
// clock, no memory of earlier records, nothing that is looked up and may change.
type Reader interface {
	// Read returns the events of a record: usually one, several where one request
	// carries rows, which then agree in type, model, version and time. They are valid
	// until the next Read and as long as the record's bytes are. The error is always a
	// *Reason.
	Read(r *Raw) ([]Event, error)
}

// Shape is a list of feature names in order, kept once by a Reader: events whose
// features have the same names in the same order carry the same *Shape, so that what
// was looked up by name for one of them holds for all.
type Shape struct{ Names []string }
