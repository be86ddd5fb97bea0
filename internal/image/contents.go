package image

import (
	"bytes"
	"encoding/pem"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// member is a file or a folder that goes into a layer; root owns all.
type member struct {
	name string // "etc/passwd"; a folder's ends in a slash
	mode int64
	size int64
	open func() (io.ReadCloser, error)
}

// userID is the user and the group that the program runs as: "nonroot" of the
// distroless images.
const userID = "65532"

// users and groups are /etc/passwd and /etc/group.
const users = `root:x:0:0:root:/root:/sbin/nologin
nonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin
`

const groups = `root:x:0:
nonroot:x:65532:
`

func folder(name string, mode int64) member { return member{name: name + "/", mode: mode} }

func text(name, content string) member {
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
	return member{name: name, mode: 0o444, size: int64(len(content)), open: open}
}

// baseMembers are the same in every image, so that registries keep them once.
func baseMembers() []member {
	return []member{
		folder("etc", 0o755),
		text("etc/group", groups),
		text("etc/passwd", users),
		folder("etc/ssl", 0o755),
		folder("etc/ssl/certs", 0o755),
		text("etc/ssl/certs/ca-certificates.crt", authorities()),
		folder("tmp", 0o1777),
	}
}

// appMembers are the program.
func appMembers(name, binary string) ([]member, error) {
	info, err := os.Stat(binary)
	if err != nil {
		return nil, err
	}
	program := member{name: "app/" + name, mode: 0o555, size: info.Size()}
	program.open = func() (io.ReadCloser, error) { return os.Open(binary) } // #nosec G304 -- what was just compiled
	return []member{folder("app", 0o755), program}, nil
}

// authorities are the certificates of Mozilla's programme, as PEM (RFC 7468).
// Roots that are trusted under a condition (only certificates issued before
// some day) are left out, for a file of certificates cannot say so.
func authorities() string {
	var blocks []string
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		var b bytes.Buffer
		// Writing to a buffer cannot fail, and the block has no headers.
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		blocks = append(blocks, b.String())
	}
	slices.Sort(blocks)
	return strings.Join(blocks, "")
}
