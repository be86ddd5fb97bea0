package gocode

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"reflect"
	"sync"

	"golang.org/x/tools/go/analysis"
)

// maxFacts bounds what is decoded as facts of one package, bytes.
const maxFacts = 64 << 20

// factKey names what an analyzer found out about an object of a package, or,
// with no object, about the package. Objects are named by the place where they
// are declared, which is the same whether a package's types come from its source
// or from export data.
type factKey struct {
	object string
	kind   reflect.Type
}

type factSet map[factKey]analysis.Fact

// objectKey names an object: file, line and name. It is "" for what has no place.
func objectKey(fset *token.FileSet, o types.Object) string {
	if !o.Pos().IsValid() {
		return ""
	}
	at := fset.Position(o.Pos())
	return fmt.Sprintf("%s:%d:%s", filepath.Base(at.Filename), at.Line, o.Name())
}

// knowledge is what is known about all packages. It is safe for concurrent use;
// the facts of one package are complete when they are added.
type knowledge struct {
	fset *token.FileSet

	mu    sync.RWMutex
	facts map[string]factSet // by package path
}

func newKnowledge(fset *token.FileSet) *knowledge {
	return &knowledge{fset: fset, facts: map[string]factSet{}}
}

// add adds facts of a package.
func (k *knowledge) add(path string, facts factSet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.facts[path] == nil {
		k.facts[path] = factSet{}
	}
	for key, fact := range facts {
		k.facts[path][key] = fact
	}
}

// lookup finds a fact about an object, or about its package when o is nil.
func (k *knowledge) lookup(pkg *types.Package, o types.Object, kind reflect.Type) (analysis.Fact, bool) {
	key := factKey{kind: kind}
	if o != nil && k.any(pkg.Path()) {
		if key.object = objectKey(k.fset, o); key.object == "" {
			return nil, false
		}
	}
	return k.find(pkg.Path(), key)
}

func (k *knowledge) any(path string) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.facts[path]) > 0
}

func (k *knowledge) find(path string, key factKey) (analysis.Fact, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	fact, ok := k.facts[path][key]
	return fact, ok
}

// of are all facts about a package.
func (k *knowledge) of(path string) factSet {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return maps.Clone(k.facts[path])
}

// savedFact is a fact as it is kept between runs.
type savedFact struct {
	Object string
	Fact   analysis.Fact
}

// registerFacts tells gob of the facts that analyzers make.
func registerFacts(analyzers []*analysis.Analyzer) {
	for _, a := range analyzers {
		for _, f := range a.FactTypes {
			gob.Register(f)
		}
	}
}

// encode writes facts for another run.
func (s factSet) encode() ([]byte, error) {
	if len(s) == 0 {
		return nil, nil
	}
	saved := make([]savedFact, 0, len(s))
	for key, fact := range s {
		saved = append(saved, savedFact{Object: key.object, Fact: fact})
	}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(saved); err != nil {
		return nil, fmt.Errorf("keeping facts: %w", err)
	}
	return buf.Bytes(), nil
}

// decodeFacts reads what encode wrote.
func decodeFacts(data []byte) (factSet, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if len(data) > maxFacts {
		return nil, fmt.Errorf("reading facts: %w (%d bytes)", errTooLarge, maxFacts)
	}
	var saved []savedFact
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&saved); err != nil {
		return nil, fmt.Errorf("reading facts: %w", err)
	}
	s := factSet{}
	for _, f := range saved {
		s[factKey{object: f.Object, kind: reflect.TypeOf(f.Fact)}] = f.Fact
	}
	return s, nil
}
