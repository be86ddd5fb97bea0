package attest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const digest = "sha256:961b6dd3ede3cb8ecbaacbd68de040cd78eb2ed5889130cceb4c49268ea4d506"

func text(t *testing.T) string {
	t.Helper()
	s := New(VerificationType, Verification{Verifier: Verifier{ID: "https://example.com/v1"}, Created: time.Unix(0, 0).UTC(), Properties: []string{"A_B"}},
		Descriptor{Name: "todo", Digest: SHA256(digest)})
	b, err := s.Text()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestForm holds a statement to the specification's example of its form.
func TestForm(t *testing.T) {
	t.Parallel()
	var got, want any
	if err := json.Unmarshal([]byte(text(t)), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{
		"_type": "https://in-toto.io/Statement/v1",
		"subject": [{"name": "todo", "digest": {"sha256": "961b6dd3ede3cb8ecbaacbd68de040cd78eb2ed5889130cceb4c49268ea4d506"}}],
		"predicateType": "https://in-toto.io/attestation/svr/v0.1",
		"predicate": {"verifier": {"id": "https://example.com/v1"}, "timeCreated": "1970-01-01T00:00:00Z", "properties": ["A_B"]}
	}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	good := text(t)
	for _, test := range []struct{ text, kind, digest, want string }{
		{good, VerificationType, digest, ""},
		{strings.Replace(good, `"predicate":`, `"more": 1, "predicate":`, 1), VerificationType, digest, ""},
		{good, ProvenanceType, digest, "and no"},
		{good, VerificationType, "sha256:00", "not about"},
		{good + "{}", VerificationType, digest, "something follows"},
		{strings.Replace(good, "Statement/v1", "Statement/v2", 1), VerificationType, digest, "no in-toto statement"},
		{strings.Replace(good, "predicate\":", "predicat\":", 1), VerificationType, digest, "states nothing"},
		{"[]", VerificationType, digest, "reading"},
		{strings.Repeat(" ", maxStatement+1), VerificationType, digest, "more than"},
	} {
		err := Check([]byte(test.text), test.kind, test.digest)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.400s: error %v, want one with %q", test.text, err, test.want)
		}
	}
}

// FuzzCheck sees that what is taken for one type of statement is not taken for
// another, nor for one about everything.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"961b6dd3ede3cb8ecbaacbd68de040cd78eb2ed5889130cceb4c49268ea4d506"}}],"predicateType":"https://in-toto.io/attestation/svr/v0.1","predicate":{}}`))
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":null,"predicateType":"https://in-toto.io/attestation/svr/v0.1","predicate":[]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if Check(text, VerificationType, digest) != nil {
			return
		}
		if Check(text, ProvenanceType, digest) == nil || Check(append(text, '0'), VerificationType, digest) == nil {
			t.Errorf("it was taken for something else, too: %s", text)
		}
	})
}
