package feature

// RunState says how far a run has come.
type RunState string

// The states of a run. A run that was killed stays running in its record until
// the next run of its storage finds it and completes it.
const (
	RunRunning RunState = "running"
	RunDone    RunState = "done"
	RunFailed  RunState = "failed"
)

// Run is the record of one materialization of one storage. Numbers grow over
// the whole registry and are never used again.
type Run struct {
	Number   int64    `json:"number"`
	View     string   `json:"view"`
	Version  int      `json:"version"`
	Storage  uint64   `json:"storage"`
	State    RunState `json:"state"`
	From     Time     `json:"from"`              // exclusive: the watermark that the run started from; MinTime: everything
	To       Time     `json:"to"`                // inclusive: the watermark that it leads to
	Started  Time     `json:"started"`           // wall clock
	Beat     Time     `json:"beat"`              // wall clock of the last checkpoint
	Finished Time     `json:"finished,omitzero"` // wall clock; zero while running
	Rows     int64    `json:"rows"`              // source rows looked at
	Keys     int64    `json:"keys"`              // latest rows found, one a key
	Written  int64    `json:"written"`           // values that changed in the store
	Skipped  int64    `json:"skipped"`           // values that the store had already, or had later ones of
	Expired  int64    `json:"expired"`           // latest rows past TTL and grace, not written
	Ties     int64    `json:"ties"`              // keys whose latest row was settled by values
	Bytes    int64    `json:"bytes"`             // written to the store
	Largest  int64    `json:"largest,omitzero"`  // bytes of the largest value that was given to the store
	Files    []File   `json:"files,omitempty"`   // fixed when the run began; all that the storage knows of when it is done
	// Gone are the paths of files that the storage was filled from and that have
	// changed or were removed since: rows that only they held are still in it.
	Gone []string `json:"gone,omitempty"`
	// Checkpoint is how many keys, in the run's fixed order, are known to be in
	// the store. A run that completes a killed one skips them.
	Checkpoint int64  `json:"checkpoint"`
	Since      int64  `json:"since"` // Watermark.Since when the run wrote: its checkpoint holds while that is the same
	Error      string `json:"error,omitzero"`
	// Failed are the derived columns of the source that could not be computed for some
	// rows, and are null there.
	Failed []ColumnFailures `json:"failed,omitempty"`
	Who    string           `json:"who,omitzero"`
}

// Served is what readers of a view version are given: the storage that is active, and how
// far it was led on.
type Served struct {
	Storage uint64
	Runs    int64 // of the storage, that are done: it grows with each
}

// File is one file of a source as a run or a training set read it.
type File struct {
	Path     string `json:"path"`     // relative to the data root where it is below it, with slashes; else absolute
	Size     int64  `json:"size"`     // bytes
	Modified int64  `json:"modified"` // nanoseconds since the epoch
	Digest   string `json:"digest"`   // of the footer: "xxh3:…" or the like; equal digests, sizes and paths are the same file
	Rows     int64  `json:"rows"`
	// The least and greatest visible_from of the file's rows that satisfy T3;
	// known once a run has read it whole. MinVisible > MaxVisible: there are none.
	Scanned    bool `json:"scanned,omitzero"`
	MinVisible Time `json:"min_visible,omitzero"`
	MaxVisible Time `json:"max_visible,omitzero"`
}

// Scan asks for the rows of one file with After < visible_from, or for all.
type Scan struct {
	File  File
	All   bool
	After Time
}

// Pass is what a run asks of the offline store.
type Pass struct {
	Scans []Scan // rows in which keys have to be looked for
	// Files are all of the run's, of which the tiles of those keys are computed anew; not
	// looked at where the view has no aggregates.
	Files []File
	To    Time // inclusive: what is visible then counts
	// Whole tells that nothing is known of the storage: keys get all of their tiles.
	Whole bool
	// Skip is how many keys, the first in the order of delivery, are not wanted: they are
	// in the store already.
	Skip int64
	// Known is the time that the storage was filled up to when the run began: tiles of all
	// time that end well before it are merged into one.
	Known Time
}

// ScanResult is what a pass over files found beside the rows it delivered.
type ScanResult struct {
	Files []File // those of the scans, in their order, with MinVisible and MaxVisible where the file was read whole
	Rows  int64  // rows looked at
	Keys  int64  // latest rows delivered
	Ties  int64  // keys whose latest row was settled by values
	// Failed are the derived columns of the source that could not be computed for some of
	// these rows, in the order of the table's.
	Failed []ColumnFailures
}

// ColumnFailures counts source rows for which a derived column could not be computed, and
// is null: of a column that features show only, of the rows that were shown. Where it is
// a key, or a time that every row needs, the row is left out.
type ColumnFailures struct {
	Column     string `json:"column"`
	Expression string `json:"expression"`
	Rows       int64  `json:"rows"`
}

// Origin says which run a batch of latest rows comes from.
type Origin struct {
	Run   int64 // its number
	To    Time  // inclusive: the batch holds what was visible up to here
	Known Time  // Pass.Known of the run
	Now   Time  // of the project's clock: what may be forgotten by now is not written
}

// WriteResult counts what an online store did with a batch of latest rows.
type WriteResult struct {
	Written int   // values that changed in the store
	Skipped int   // the store had the same or later ones
	Expired int   // past TTL and grace: not written
	Bytes   int64 // of keys and values written
	Largest int   // bytes of the largest value that was given to the store; 0: there was none
}

// Watermark is what an online store knows of one storage.
type Watermark struct {
	Known bool  // false: no run has ever begun
	Time  Time  // the storage holds what was visible up to here, inclusive; MinTime: a first run has begun
	Run   int64 // the run that led here
	Since int64 // the run that began with nothing known: while it is the same and Lost is false, nothing was lost
	// Lost tells that the store may have lost values since: it restarted, failed
	// over, or evicted keys. Reason says what was seen. An absent key proves
	// nothing then.
	Lost   bool
	Reason string
}

// At gives the time up to which the storage was filled. It is not ok while no run
// has led to one: nothing was ever materialized, or a first run has only begun.
// What is shown of a watermark's time comes from here.
func (w Watermark) At() (t Time, ok bool) {
	if !w.Known || w.Time == MinTime {
		return 0, false
	}
	return w.Time, true
}

// Holds tells whether an absent key proves that there is no row for it up to
// Time.
func (w Watermark) Holds() bool {
	_, ok := w.At()
	return ok && !w.Lost
}

// Status says how a delivered value came about. The numbers are the wire's.
type Status uint8

// The statuses of online values.
const (
	StatusUnset         Status = 0
	StatusPresent       Status = 1 // the value
	StatusNull          Status = 2 // a row was found, and its value is null
	StatusNotFound      Status = 3 // no row for this key
	StatusOutsideMaxAge Status = 4 // a row was found, older than the TTL
	StatusStale         Status = 5 // the value, but the view's watermark is older than its max_staleness
	StatusUnavailable   Status = 6 // the store did not answer in time, or may have lost the row
	StatusError         Status = 7 // the value could not be computed
)

// String writes the status as the wire's enum does: PRESENT, OUTSIDE_MAX_AGE.
func (s Status) String() string {
	names := []string{"UNSET", "PRESENT", "NULL", "NOT_FOUND", "OUTSIDE_MAX_AGE", "STALE", "UNAVAILABLE", "ERROR"}
	if int(s) < len(names) {
		return names[s]
	}
	return "STATUS(?)"
}
