package python

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

// fromPath is a scanner whose worker looks for its tools once more: the suite
// puts others in their place after the job is planned. They are not confined: they
// write to files of their own.
type fromPath struct{ scan.Scanner }

func (f fromPath) Worker() pipeline.Worker {
	return func(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
		var p map[string]any
		if err := json.Unmarshal(t.Params, &p); err != nil {
			return pipeline.Answer{}, err
		}
		for _, value := range p {
			if program, ok := value.(map[string]any); ok && program["Path"] != nil {
				path, err := exec.LookPath(program["Name"].(string))
				if err != nil {
					return pipeline.Answer{}, err
				}
				program["Path"] = path
			}
		}
		var err error
		if t.Params, err = json.Marshal(p); err != nil {
			return pipeline.Answer{}, err
		}
		if t.Program, err = filepath.Abs("testdata/unconfined.sh"); err != nil {
			return pipeline.Answer{}, err
		}
		return f.Scanner.Worker()(ctx, t)
	}
}

// only is a scanner of which one stage is asked: what becomes of one tool is
// nothing to the other's stage, which passes.
type only struct {
	scan.Scanner
	stage string
}

func (o only) Job(s scan.Service) (pipeline.Job, error) {
	job, err := o.Scanner.Job(s)
	job.Stages = []string{o.stage}
	return job, err
}

// conforming makes services of a good one and other files.
func conforming(files map[string]string) func(*testing.T) scantest.Service {
	return func(t *testing.T) scantest.Service {
		t.Helper()
		s := service(t, map[string]string{"app.py": "x = 1\n", "sub/run.py": "import os  # noqa: F401\n"})
		put(t, s.Dir, files)
		return scantest.Service{Service: s}
	}
}

func TestConformFlake8(t *testing.T) {
	need(t, flake8)
	const version = "half of what it says of its version has the number"
	scantest.Run(t, scantest.Adapter{
		Scanner: only{fromPath{Scanner{}}, lintStage},
		Make:    conforming(nil),
		Defects: map[string]func(*testing.T) scantest.Service{
			"an unused import":                 conforming(map[string]string{"a.py": "import os\n"}),
			"settings that switch it off":      conforming(map[string]string{"a.py": "import os\n", ".flake8": "[flake8]\nexclude = *.py\n"}),
			"a comment that names nothing":     conforming(map[string]string{"a.py": "import os  # noqa\n"}),
			"a comment that switches all off":  conforming(map[string]string{"a.py": "# flake8: noqa\nimport os\n"}),
			"a file that is no Python":         conforming(map[string]string{"a.py": "def f(:\n"}),
			"a file that is no Python, hidden": conforming(map[string]string{"a.py": "def f(:  # noqa: E999\n"}),
			"a file with null bytes":           conforming(map[string]string{"a.py": "x = 1\x00\n"}),
		},
		Harmless: map[string]string{
			"cold/flake8 none 1/output that breaks off": version, "proven/flake8 none 1/output that breaks off": version, "warm/flake8 none 1/output that breaks off": version,
		},
		Tools: []scantest.Tool{{Name: flake8, Path: "/usr/bin/flake8", More: map[string]map[string]string{
			"code": {
				"a file that is left out":        `real "$@" | grep -v 'code/f000001'; exit 0`,
				"no self-test":                   `real "$@" | grep -v 'code/z'; exit 0`,
				"a file that it was not given":   `real "$@" | sed 's!code/f000001!code/f000009!'; exit 0`,
				"a message of nobody's at first": `echo hello; real "$@"; exit 0`,
			},
			"noqa": {"a file that is left out": `real "$@" | grep -v 'noqa/f000001'; exit 0`},
		}}},
	})
}

func TestConformBandit(t *testing.T) {
	need(t, bandit)
	const (
		always  = "it always finds something, what is planted, and says so by this status"
		version = "half of what it says of its version has the number"
	)
	scantest.Run(t, scantest.Adapter{
		Scanner: only{fromPath{Scanner{}}, sastStage},
		Make:    conforming(nil),
		Defects: map[string]func(*testing.T) scantest.Service{
			"a bind to all interfaces":    conforming(map[string]string{"a.py": "host = \"0.0.0.0\"\n"}),
			"settings that switch it off": conforming(map[string]string{"a.py": "host = \"0.0.0.0\"\n", ".bandit": "[bandit]\nskips: B104\n"}),
			"a comment without a reason":  conforming(map[string]string{"a.py": "host = \"0.0.0.0\"  # nosec B104\n"}),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"a file that is no Python": conforming(map[string]string{"a.py": "def f(:\n"}),
			"a file with null bytes":   conforming(map[string]string{"a.py": "x = 1\x00\n"}),
		},
		Harmless: map[string]string{
			"cold/bandit json 1/fails after its output": always, "proven/bandit json 1/fails after its output": always, "warm/bandit json 1/fails after its output": always,
			"cold/bandit none 1/output that breaks off": version, "proven/bandit none 1/output that breaks off": version, "warm/bandit none 1/output that breaks off": version,
		},
		Tools: []scantest.Tool{{Name: bandit, Path: "/usr/bin/bandit", More: map[string]map[string]string{"json": {
			"a file that is left out": `real "$@" | sed 's!code/f000001!code/z!'; exit 1`,
			"blind to strings":        `PYTHONPATH= real "$@"; exit 1`,
			"a syntax error":          `real "$@" | sed 's!code/y.py!code/f000001.py!'; exit 1`,
		}}}},
	})
}

func TestConformPytest(t *testing.T) {
	need(t, pytest)
	with := func(files map[string]string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			s := service(t, map[string]string{"app.py": "def one():\n    return 1\n", "test_app.py": "from app import one\n\n\ndef test_one():\n    assert one() == 1\n\n\ndef test_two():\n    assert one() != 2\n"})
			s.Options.Coverage = 100
			put(t, s.Dir, files)
			return scantest.Service{Service: s}
		}
	}
	results := func(change string) string {
		return `real "$@"; for a; do case $a in --junitxml=*|--cov-report=*) f=${a#*=}; f=${f#xml:}; ` + change + `;; esac; done; exit 0`
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: fromPath{Tests{}},
		Make:    with(nil),
		Defects: map[string]func(*testing.T) scantest.Service{
			"a failing test":      with(map[string]string{"app.py": "def one():\n    return 2\n"}),
			"too little coverage": with(map[string]string{"more.py": "x = 1\n"}),
			"a test that is stuck": func(t *testing.T) scantest.Service {
				s := with(map[string]string{"test_b.py": "import threading\n\n\ndef test_b():\n    threading.Event().wait()\n"})(t)
				s.Options.TestLimit = "20s"
				return s
			},
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"a missing module":        with(map[string]string{"app.py": "import nosuch\n"}),
			"tests that are left out": with(map[string]string{"conftest.py": "collect_ignore = [\"test_app.py\"]\n", "test_b.py": "from app import one\n\n\ndef test_b():\n    one()\n"}),
		},
		Harmless: map[string]string{"proven/pytest none 1/a report about something else": "its version is the same in every folder"},
		Tools: []scantest.Tool{{
			Name: pytest, Path: "/usr/bin/pytest",
			Elsewhere: func(t *testing.T) string {
				s := service(t, map[string]string{"test_other.py": "def test_other():\n    pass\n"})
				return s.Dir
			},
			More: map[string]map[string]string{"no:cacheprovider": {
				"a test that is left out":     results(`sed -i 's/name="test_two"/name="test_one"/' "$f"`),
				"results that are cut":        results(`truncate -s -9 "$f"`),
				"results that are empty":      results(`: >"$f"`),
				"results that are missing":    results(`rm "$f"`),
				"results that lead elsewhere": results(`mv "$f" "$f.real"; ln -s /etc/passwd "$f"`),
				"results that never end":      results(`rm "$f"; mkfifo "$f"`),
			}},
		}},
	})
}
