package quiver

// Status says how a value came about. A null comes with every status but
// StatusPresent and StatusStale.
type Status uint8

// The statuses. A server newer than this client may send others.
const (
	StatusPresent       Status = 1 // the value
	StatusNull          Status = 2 // a row was found, and its value is null
	StatusNotFound      Status = 3 // there is no row for this key
	StatusOutsideMaxAge Status = 4 // a row was found, older than the view's TTL
	StatusStale         Status = 5 // the value, but it may be out of date
	StatusUnavailable   Status = 6 // the store did not answer, may have lost the row, or does not hold the feature yet
	StatusError         Status = 7 // the value could not be computed
)

// HasValue tells whether a value was delivered.
func (s Status) HasValue() bool { return s == StatusPresent || s == StatusStale }

// String writes the status as PRESENT, OUTSIDE_MAX_AGE.
func (s Status) String() string {
	names := [...]string{"UNSPECIFIED", "PRESENT", "NULL", "NOT_FOUND", "OUTSIDE_MAX_AGE", "STALE", "UNAVAILABLE", "ERROR"}
	if int(s) < len(names) {
		return names[s]
	}
	return "UNKNOWN"
}
