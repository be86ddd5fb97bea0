// Package hint carries, with an error, what its reader can do about it.
package hint

import "errors"

// Error is an error together with its remedy.
type Error struct {
	Err    error
	Remedy string // one sentence in the imperative: "run go mod tidy"
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// With returns err with a remedy. A nil err stays nil.
func With(err error, remedy string) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, Remedy: remedy}
}

// Remedy returns the remedy that is nearest to the cause of err, or "".
func Remedy(err error) string {
	remedy := ""
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			break
		}
		remedy, err = e.Remedy, e.Err
	}
	return remedy
}
