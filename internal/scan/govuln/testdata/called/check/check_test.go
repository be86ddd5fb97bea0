// Package check has tests alone.
package check

import "testing"

func TestNothing(t *testing.T) {}
