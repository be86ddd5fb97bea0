// Package sandbox confines a process, and all that it starts, to what it was
// declared to touch. A parent starts the process in namespaces of its own as
// far as the kernel grants them (Prepare), or connects for it where it does not
// (Oversee); the process then closes itself in before it does anything else
// (Enter) and says what it could enforce.
package sandbox

import (
	"errors"
	"fmt"
	"syscall"
)

// Access is what a confined process may touch. Paths are absolute; those that
// do not exist are left out.
type Access struct {
	Read    []string `json:"read,omitempty"`  // files and folders, to read and execute
	Write   []string `json:"write,omitempty"` // files and folders, to read and write
	Hide    []string `json:"hide,omitempty"`  // in folders that may be read, what is seen as empty or cannot be opened
	Network Network  `json:"network"`
	Dir     string   `json:"dir"` // the folder that it starts in
}

// Network is how far a confined process may reach.
type Network string

// The networks, narrowest first.
const (
	NoNetwork Network = "none"     // not even loopback
	Loopback  Network = "loopback" // a loopback interface, of its own where there are namespaces
	Machine   Network = "machine"  // this machine's loopback interface
	Outside   Network = "outside"  // everything
)

// Level is how strictly a dimension of the access is enforced.
type Level int

// The levels, weakest first.
const (
	None    Level = iota // nothing is
	Partial              // undeclared files cannot be opened, but names are seen; TCP to the machine's loopback only; other processes are seen, and not read
	Full                 // what was not declared does not exist
)

var levelNames = [...]string{None: "none", Partial: "partial", Full: "full"}

func (l Level) String() string { return levelNames[l] }

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the level's name.
func (l *Level) UnmarshalText(text []byte) error {
	for level, name := range levelNames {
		if name == string(text) {
			*l = Level(level)
			return nil
		}
	}
	return fmt.Errorf("unknown level of confinement %q", text)
}

// Enforced is what was enforced, by dimension.
type Enforced struct {
	Files     Level `json:"files"`
	Network   Level `json:"network"`
	Processes Level `json:"processes"`
	Limits    Level `json:"limits"`
}

// Weakest is the level of the weakest dimension.
func (e Enforced) Weakest() Level { return min(e.Files, e.Network, e.Processes, e.Limits) }

// Least is the weaker of two, dimension by dimension.
func (e Enforced) Least(o Enforced) Enforced {
	return Enforced{min(e.Files, o.Files), min(e.Network, o.Network), min(e.Processes, o.Processes), min(e.Limits, o.Limits)}
}

// Request is what a parent asks of the process that it starts.
type Request struct {
	Access Access `json:"access"`
	// Namespaces is set when the process was started in some of its own.
	Namespaces bool `json:"namespaces"`
	// Root is an empty folder, in the parent's view, on which the process
	// mounts what it may see.
	Root string `json:"root"`
	// Temp is a folder that the process sees as /tmp.
	Temp   string `json:"temp"`
	Limits Limits `json:"limits"`
	// Overseer is the descriptor to the parent's Overseer, set by Oversee; 0 is
	// none.
	Overseer int `json:"overseer,omitempty"`
	// Image, when it is set, takes the place of this machine's programs and
	// settings: with namespaces it is all there is.
	Image *Image `json:"image,omitempty"`
	// User, when it is set, is whom the process becomes before it is confined.
	User *User `json:"user,omitempty"`
	// NetworkHeld is how strictly the parent is itself confined to no more than
	// the network asked for, in its namespace or by an overseer, which then
	// serves this process too.
	NetworkHeld Level `json:"networkHeld"`
	// LimitsHeld is the level of the Group that the process was put into, by its
	// parent or further up.
	LimitsHeld Level `json:"limitsHeld"`

	noLandlock bool // as if the kernel had none; for tests
}

// Image is what a process of a container image sees. Its files cannot be written to.
type Image struct {
	Root string `json:"root"` // the folder of its files
	// Write are folders of this machine, by the path at which the process sees
	// them where there are namespaces: {"/data": "/var/lib/…/data"}.
	Write map[string]string `json:"write,omitempty"`
}

// User is one of this machine's, by number.
type User struct {
	UID int `json:"uid"`
	GID int `json:"gid"`
}

// alone tells whether the process has a network of its own.
func (r Request) alone() bool { return r.Namespaces && ownNetwork(r.Access.Network) }

func ownNetwork(n Network) bool { return n == NoNetwork || n == Loopback }

// Refused tells whether an error of Enter is the kernel's refusal to confine, so
// that less may be tried.
func Refused(err error) bool {
	for _, of := range []error{syscall.EPERM, syscall.EACCES, syscall.ENOSYS, syscall.EINVAL, syscall.ENOSPC} { // the last one: there are too many namespaces
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// Limits are on what a confined process and each of its own may take; 0 is the
// limit that is there already.
type Limits struct {
	FileSize uint64 `json:"fileSize,omitempty"` // bytes of one file
	Files    uint64 `json:"files,omitempty"`    // open at once, in one process
	Memory   uint64 `json:"memory,omitempty"`   // bytes, of all together; by a Group only
	// Processes, and threads, of all together. Without a Group root is not
	// bound, and an ordinary user's others count too where there are no
	// namespaces.
	Processes uint64 `json:"processes,omitempty"`
	// Temp bounds /tmp, bytes, by giving it memory in place of the folder
	// Request.Temp; with namespaces only.
	Temp uint64 `json:"temp,omitempty"`
}
