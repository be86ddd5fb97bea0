package python

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

func itoa(n int) string { return strconv.Itoa(n) }

const long = "x = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""

// TestChecks has the tools look at services, and holds their reports to what is
// wrong with them.
func TestChecks(t *testing.T) {
	t.Parallel()
	need(t, "flake8", "bandit")
	tests := map[string]struct {
		files      map[string]string
		change     func(*scan.Service)
		lint, sast string // findings
		off        int    // of InSource, both together
		notRun     string // the beginning of why sast is not run
		notes      string
	}{
		"nothing wrong": {files: map[string]string{"app.py": "x = 1\n", "pkg/__init__.py": ""}},
		"defects": {
			files: map[string]string{"app.py": "import os\n" + long + "\n", "sub/run.py": "def f(app):\n    app.run(host=\"0.0.0.0\")\n"},
			lint:  "F401 app.py:1, E501 app.py:2", sast: "B104 sub/run.py:2",
		},
		"settings that would blind": {
			files: map[string]string{
				"setup.cfg": "[flake8]\nignore = F401\nexclude = *\n", ".flake8": "[flake8]\nexclude = *.py\n", "tox.ini": "[flake8]\nselect = X\n", ".bandit": "[bandit]\nskips: B104\nexclude: /\n",
				"pyproject.toml": "[tool.bandit]\nskips = [\"B104\"]\nexclude_dirs = [\".\"]\n", "flake8.py": "raise SystemExit(0)\n", "bandit/__init__.py": "raise SystemExit(0)\n",
				"sitecustomize.py": "raise SystemExit(0)\n", "app.py": "import os\nhost = \"0.0.0.0\"\n",
			},
			lint: "F401 app.py:1", sast: "B104 app.py:2",
		},
		"noqa": {
			files: map[string]string{
				"all.py": "# flake8: noqa\nimport os\n", "codes.py": "# flake8: noqa: F401\nimport os\n", "line.py": "import os  # noqa\nimport sys  # NOQA : F401\n",
				"named.py": "import os  # noqa: F401\nimport sys  # noqa:E501\nimport re  # NoQA: E501,F401 because\n", "string.py": "x = \"\"\"" + long + "\n\"\"\"  # noqa: E501\n",
			},
			lint: "F401 all.py:2, F401 codes.py:2, F401 line.py:1, F401 line.py:2, F401 named.py:2", off: 3,
		},
		"nosec": {
			files: map[string]string{"app.py": `def f(app):
    app.run(host="0.0.0.0")  # nosec B104 - behind a proxy of its own
    app.run(host="0.0.0.0")  # nosec
    app.run(host="0.0.0.0")  # nosec B104
    app.run(host="0.0.0.0")  # nosec: B105, B104 -- in a container
    app.run(host="0.0.0.0")  # nosec B105 - of another rule
    app.run(host="0.0.0.0")  # nosec B104  # noqa: E501
`}, sast: "B104 app.py:3, B104 app.py:4, B104 app.py:6, B104 app.py:7", off: 2,
		},
		"rules that are switched off": {
			files: map[string]string{"app.py": "import os\n" + long + "\n", "bad.py": "def f(:\n"}, change: func(s *scan.Service) { s.Options.LintIgnore = []string{"e501", "E999", "F401"} },
			lint: "E999 bad.py:1", notRun: "it could not examine 1 of 2 files: \"bad.py\" (syntax error", notes: "2 findings of rules that the configuration switches off",
		},
		"what is no Python": {
			files: map[string]string{"nul.py": "x = 1\x00\n", "deep.py": strings.Repeat("(", 500) + strings.Repeat(")", 500) + "\n", "ok.py": "x = 1\n"},
			lint:  "E999 deep.py:1, E999 nul.py:1", notRun: "it could not examine 2 of 3 files",
		},
		"names": {
			files: map[string]string{
				"a b.py": "import os\n", "a\nb.py": "import os\n", "\xff.py": "import os\n", "-c.py": "import os\n", "a,*.py": "import os\n",
				"code/z.py": "import os\n", "ZZZ100\tx.py": "import os\n", "__init__.py": "import os\n",
			},
			lint: "F401 -c.py:1, F401 ZZZ100\tx.py:1, F401 __init__.py:1, F401 a\nb.py:1, F401 a b.py:1, F401 a,*.py:1, F401 code/z.py:1, F401 \xff.py:1",
		},
		"messages that forge others": {
			files: map[string]string{"app.py": "print(\"%(a)s\" % {\"a\": 1, \"b\\ncode/f000001.py\\t1\\t1\\tSLU100\\tx\\n\": 1})\n", "b.py": "import os\n"},
			lint:  "F504 app.py:1, F401 b.py:1",
		},
		"installed packages": {
			files: map[string]string{"app.py": "x = 1\n", ".venv/pyvenv.cfg": "", ".venv/lib/a.py": "import os\n", "node_modules/a/b.py": "import os\n", ".hidden/a.py": "import os\n"},
			lint:  "F401 .hidden/a.py:1", notes: "2 folders of installed packages that git does not track are left out: \".venv\", \"node_modules\"",
		},
		"asserts in tests": {files: map[string]string{"tests/test_a.py": "assert 1\n", "app.py": "assert 1\n"}, sast: "B101 app.py:1", notes: "1 uses of assert in tests left out"},
		"a password is not told": {
			files: map[string]string{"app.py": "password = \"hunter2secret\"\n"}, sast: "B105 app.py:1",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := service(t, test.files)
			if test.change != nil {
				test.change(&s)
			}
			reports, log := run(t, Scanner{}, s)
			lint, sast := reports[lintStage], reports[sastStage]
			if found(lint) != test.lint || found(sast) != test.sast || len(lint.InSource)+len(sast.InSource) != test.off {
				t.Errorf("lint: %q\nsast: %q\nsuppressed: %v %v\n%s", found(lint), found(sast), lint.InSource, sast.InSource, log)
			}
			if lint.NotRun != "" || !strings.HasPrefix(sast.NotRun, test.notRun) || test.notRun == "" && sast.NotRun != "" || !lint.SelfTest.Passed() || !sast.SelfTest.Passed() {
				t.Errorf("%+v\n%+v\n%s", lint, sast, log)
			}
			if notes := strings.Join(append(lint.Notes, sast.Notes...), "; "); !strings.Contains(notes, test.notes) {
				t.Errorf("notes: %s", notes)
			}
			for _, f := range append(lint.Findings, sast.Findings...) {
				if strings.Contains(f.Message+f.Identity, "hunter2") || f.Identity == "" && f.Rule != "E999" {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// TestLinks: a link counts as the file that it leads to.
func TestLinks(t *testing.T) {
	t.Parallel()
	need(t, "flake8", "bandit")
	s := service(t, map[string]string{"data.txt": "import os\n", "sub/x": ""})
	for name, target := range map[string]string{"a.py": "data.txt", "gone.py": "nowhere", "sub/up": "..", "dir.py": "sub"} {
		if err := os.Symlink(target, s.Dir+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(s.Dir+"/pipe.py", 0o600); err != nil {
		t.Fatal(err)
	}
	reports, _ := run(t, Scanner{}, s)
	if r := reports[lintStage]; found(r) != "F401 a.py:1" || r.Examined[0] != (pipeline.Count{What: "files", N: 1, Of: 1}) {
		t.Errorf("%+v", r)
	}
	for name, target := range map[string]string{"out.py": "../outside.py", "loop.py": "sub/loop.py", "sub/loop.py": "../loop.py"} {
		if err := os.Symlink(target, s.Dir+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"loop.py", "out.py"} {
		if _, _, err := try(t, Scanner{}, s); err == nil || !strings.Contains(err.Error(), `"`+name+`" cannot be examined`) {
			t.Errorf("the link %s: %v", name, err)
		}
		if err := os.Remove(s.Dir + "/" + name); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(s.Dir + "/sub/loop.py") // gone with the first
	}
}

func TestNoFiles(t *testing.T) {
	t.Parallel()
	s := service(t, nil)
	reports, _ := run(t, Scanner{}, s)
	for _, r := range reports {
		if r.NotApplicable == "" || outcome(r) != pipeline.NotApplicable {
			t.Errorf("%+v", r)
		}
	}
	s.Python = false
	if job, err := (Scanner{}).Job(s); err != nil || job.NotApplicable != notPython {
		t.Errorf("%+v, %v", job, err)
	}
}

// TestMissingTools: what one tool does not do is not run, and the other's work counts.
func TestMissingTools(t *testing.T) {
	t.Parallel()
	need(t, "flake8", "bandit")
	for missing, stage := range map[string]string{flake8: lintStage, bandit: sastStage} {
		s := service(t, map[string]string{"app.py": "import os\nhost = \"0.0.0.0\"\n"})
		s.Tools.Path = t.TempDir()
		for _, name := range []string{flake8, bandit} {
			if name != missing {
				if err := os.Symlink("/usr/bin/"+name, s.Tools.Path+"/"+name); err != nil {
					t.Fatal(err)
				}
			}
		}
		reports, _ := run(t, Scanner{}, s)
		for name, r := range reports {
			if want := name == stage; (r.NotRun != "") != want || (r.Remedy != "") != want || (len(r.Findings) == 0) != want {
				t.Errorf("without %s, %s: %+v", missing, name, r)
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	s := service(t, map[string]string{"app.py": strings.Repeat("#", maxFile+1)})
	if _, _, err := try(t, Scanner{}, s); err == nil || !strings.Contains(err.Error(), "larger than it may be: 4 MiB") {
		t.Error(err)
	}
}
