package trivy

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
	"github.com/sluice-ci/sluice/internal/tool"
)

// version is that of the Trivy of the tests.
const version = "0.74.0"

// inPath plans with the programs that the worker's PATH has.
type inPath struct{ IaC }

func (s inPath) Job(service scan.Service) (pipeline.Job, error) {
	job, err := s.IaC.Job(service)
	p := job.Params.(params)
	p.Trivy, p.Missing, p.Terraform = pathTrivy(), "", terraform{Found: tool.Found{Name: terraformName, Path: terraformName}}
	job.Params = p
	return job, err
}

func pathTrivy() tool.Found { return tool.Found{Name: toolName, Path: toolName} }

type imageInPath struct{ Image }

func (s imageInPath) Job(service scan.Service) (pipeline.Job, error) {
	job, err := s.Image.Job(service)
	p := job.Params.(params)
	p.Trivy, p.Missing = pathTrivy(), ""
	job.Params = p
	return job, err
}

type depsInPath struct{ Deps }

func (s depsInPath) Job(service scan.Service) (pipeline.Job, error) {
	job, err := s.Deps.Job(service)
	p := job.Params.(depsParams)
	p.Trivy, p.Missing = pathTrivy(), ""
	job.Params = p
	return job, err
}

type databaseInPath struct{ Database }

func (s databaseInPath) Job(service scan.Service) (pipeline.Job, error) {
	job, err := s.Database.Job(service)
	p := job.Params.(databaseParams)
	p.Trivy, p.Missing = pathTrivy(), ""
	job.Params = p
	return job, err
}

// asIs takes a tool as it was found.
func asIs(_ context.Context, f tool.Found) (tool.Found, error) {
	f.Version = version
	return f, nil
}

// infrastructure is some of each kind with nothing wrong.
func infrastructure() map[string]string {
	return map[string]string{
		"infra/main.tf":      "locals {\n  a = 1\n}\n",
		"infra/more.tf.json": `{"locals": {"b": 2}}`,
		"app/Dockerfile":     "FROM scratch\nCOPY app /app\nHEALTHCHECK CMD [\"/app\", \"check\"]\nUSER 65532:65532\nENTRYPOINT [\"/app\"]\n",
		"k8s/config.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: n\n",
		"compose.yaml":       composed,
		".gitignore":         "ignored\n",
		"ignored/Dockerfile": "FROM scratch\nUSER root\n",
	}
}

// firewall is one that is open to everybody.
const firewall = "resource \"google_compute_firewall\" \"f\" {\n  name          = \"f\"\n  network       = \"n\"\n  source_ranges = [\"0.0.0.0/0\"]\n  allow {\n    protocol = \"tcp\"\n  }\n}\n"

// TestConformIaC has few defects: TestDefects has the others, of which one run
// of Trivy finds all.
func TestConformIaC(t *testing.T) {
	trivy, real := trivyPath(t), needed(t, terraformName)
	service := func(name, text string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			files := infrastructure()
			files["chart/Chart.yaml"], files["chart/templates/config.yaml"] = "apiVersion: v2\nname: c\nversion: 1.0.0\n", strings.Replace(files["k8s/config.yaml"], "name: c", "name: {{ .Release.Name }}", 1)
			files[name] = text
			dir := folder(t, files)
			git(t, dir, "init", "-q")
			return scantest.Service{Service: scan.Service{Root: dir, Dir: dir, GitTop: dir, Version: "v1"}}
		}
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: inPath{IaC{probe: asIs}},
		Make:    service("README.md", ""),
		Defects: map[string]func(*testing.T) scantest.Service{
			"an open firewall":                  service("infra/f.tf", firewall),
			"a privileged container in a chart": service("chart/templates/pod.yaml", strings.Replace(plants()["pod.yaml"], "name: planted", "name: {{ .Release.Name }}", 1)),
			"a chart that cannot be rendered":   service("chart/templates/fail.yaml", "{{ fail \"no\" }}\n"),
			"a file that is not formatted":      service("infra/f.tf", "locals {\n  a   = 1\n}\n"),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"Terraform that is broken": service("infra/f.tf", "resource {\n"),
			"a Dockerfile that is":     service("Dockerfile", "FROM\nRUNN x\n"),
		},
		Tools: []scantest.Tool{
			{Name: toolName, Path: trivy, More: map[string]map[string]string{"config": {
				"finds nothing of what is planted": `real "$@" | sed 's/FAIL/PASS/g'`,
				"renders no chart":                 `real "$@" | sed 's#helm/0#helm/1#g'`,
				"leaves a file out":                `real "$@" | sed 's#tree/app/Dockerfile#tree/other/Dockerfile#g'`,
			}}},
			{Name: terraformName, Path: real},
			{Name: "git", Elsewhere: func(t *testing.T) string { return folder(t, nil) }},
		},
	})
}

// validateInPath plans with the program that the worker's PATH has, and does not
// confine it further: the stand-ins of the suite keep their own files.
type validateInPath struct{ Validate }

func (s validateInPath) Job(service scan.Service) (pipeline.Job, error) {
	job, err := s.Validate.Job(service)
	p := job.Params.(validateParams)
	p.Terraform = terraform{Found: tool.Found{Name: terraformName, Path: terraformName}}
	job.Params = p
	return job, err
}

func (s validateInPath) Worker() pipeline.Worker {
	return func(ctx context.Context, t pipeline.Task) (_ pipeline.Answer, err error) {
		if t.Program, err = filepath.Abs("testdata/unconfined.sh"); err != nil {
			return pipeline.Answer{}, err
		}
		return s.Validate.Worker()(ctx, t)
	}
}

func TestConformValidate(t *testing.T) {
	real := needed(t, terraformName)
	service := func(text string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir := folder(t, map[string]string{"root/main.tf": "module \"m\" {\n  source = \"../m\"\n}\n", "m/main.tf": text})
			tree, err := look(t.Context(), dir, nothingIgnored)
			if err != nil {
				t.Fatal(err)
			}
			out := t.TempDir()
			if err := tree.handOver(out); err != nil {
				t.Fatal(err)
			}
			return scantest.Service{Service: scan.Service{Root: dir, Dir: dir, Version: "v1"}, Needs: map[string]pipeline.Need{IaCName: {Out: out}}}
		}
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: validateInPath{Validate{probe: asIs}},
		Make:    service("locals {\n  a = 1\n}\n"),
		Defects: map[string]func(*testing.T) scantest.Service{
			"a variable that is not declared": service("output \"o\" {\n  value = var.gone\n}\n"),
			"a file that cannot be parsed":    service("output {\n"),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"the files are not named": func(t *testing.T) scantest.Service {
				s := service("")(t)
				s.Needs = nil
				return s
			},
		},
		Tools: []scantest.Tool{{Name: terraformName, Path: real, More: map[string]map[string]string{"validate": {
			"finds nothing": `echo '{"format_version": "1.0", "valid": true, "error_count": 0, "diagnostics": []}'`,
			"warns only":    `real "$@" | sed 's/"error"/"warning"/; s/"error_count": 1/"error_count": 0/; s/false/true/'`,
		}}}},
	})
}

func TestConformImage(t *testing.T) {
	trivy := trivyPath(t)
	service := func(release, number string, files map[string]string, packages ...string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir := t.TempDir()
			all := map[string]string{
				"etc/os-release": release, "etc/debian_version": number + "\n", "var/lib/dpkg/status": dpkgOf(packages...),
				"srv/flask.dist-info/METADATA": "Name: Flask\nVersion: 3.0.0\n", "srv/node_modules/ms/package.json": `{"name": "ms", "version": "2.1.3"}`,
				"srv/specifications/rake.gemspec": "Gem::Specification.new do |s|\n  s.name = \"rake\"\n  s.version = \"13.0.6\"\nend\n",
			}
			maps.Copy(all, files)
			return scantest.Service{
				Service: scan.Service{Root: dir, Dir: dir, GoModule: "example.com/s", Version: "v1"},
				Needs:   map[string]pipeline.Need{DatabaseName: databaseNeed(t, databaseOf(t)), buildJob: built(t, all)},
			}
		}
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: imageInPath{Image{probe: asIs}},
		Make:    service(debian, "12.5", nil, "bash", "5.2.15-2"),
		Defects: map[string]func(*testing.T) scantest.Service{
			"an old package":              service(debian, "12.5", nil, "openssl", "3.0.11-1~deb12u1"),
			"an old package of Python's":  service(debian, "12.5", map[string]string{"srv/django.dist-info/METADATA": "Name: Django\nVersion: 4.2.1\n"}, "bash", "5.2.15-2"),
			"an old package of Node.js's": service(debian, "12.5", map[string]string{"srv/node_modules/lodash/package.json": `{"name": "lodash", "version": "4.17.1"}`}, "bash", "5.2.15-2"),
			"an old package of Ruby's":    service(debian, "12.5", map[string]string{"srv/specifications/rack.gemspec": "  s.name = 'rack'\n  s.version = '1.0.0'\n"}, "bash", "5.2.15-2"),
			"an archive of Java's":        service(debian, "12.5", map[string]string{"srv/a.jar": "x"}, "bash", "5.2.15-2"),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"a release of which nothing is known":    service(buster, "10.1", nil, "bash", "5"),
			"a package of Python's without metadata": service(debian, "12.5", map[string]string{"srv/django.dist-info/RECORD": "x"}, "bash", "5.2.15-2"),
			"packages of RPM's":                      service(debian, "12.5", map[string]string{"usr/lib/sysimage/rpm/rpmdb.sqlite": "x"}, "bash", "5.2.15-2"),
		},
		Tools: []scantest.Tool{{Name: toolName, Path: trivy, More: map[string]map[string]string{"rootfs": {
			"sees no package":              `real "$@" | sed 's/"bash"/"sash"/g'`,
			"sees no package of Python's":  `real "$@" | sed 's/"Flask"/"Task"/g'`,
			"sees one in another place":    `real "$@" | sed 's#srv/node_modules/ms/#srv/node_modules/x/#g'`,
			"sees no package of Ruby's":    `real "$@" | sed 's/"gemspec"/"other"/g'`,
			"sees another version of them": `real "$@" | sed 's/13\.0\.6/13.0.7/g'`,
		}}}},
	})
}

func TestConformDeps(t *testing.T) {
	trivy := trivyPath(t)
	service := func(files map[string]string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir := folder(t, files)
			return scantest.Service{
				Service: scan.Service{Root: dir, Dir: dir, Python: true, Version: "v1"},
				Needs:   map[string]pipeline.Need{DatabaseName: databaseNeed(t, databaseOf(t))},
			}
		}
	}
	requirements := func(text string) map[string]string { return map[string]string{"requirements.txt": text} }
	scantest.Run(t, scantest.Adapter{
		Scanner: depsInPath{Deps{probe: asIs}},
		Make:    service(requirements("Flask==3.0.0\n")),
		Defects: map[string]func(*testing.T) scantest.Service{"an old package": service(requirements("django==4.2.1\n"))},
		Blind: map[string]func(*testing.T) scantest.Service{
			"nothing pinned":       service(requirements("Flask\n")),
			"nothing required":     service(map[string]string{"setup.py": ""}),
			"a file that is gone":  service(requirements("-r gone.txt\n")),
			"one that leads away":  service(requirements("-r ../../../../etc/hostname\n")),
			"a lock that is empty": service(map[string]string{"poetry.lock": "\n"}),
		},
		Tools: []scantest.Tool{{Name: toolName, Path: trivy, More: map[string]map[string]string{"fs": {
			"leaves a package out": `real "$@" | sed 's/"Flask"/"Task"/g; s/"flask"/"task"/g'`,
		}}}},
	})
}

func TestConformDatabase(t *testing.T) {
	trivy := trivyPath(t)
	scantest.Run(t, scantest.Adapter{
		Scanner: databaseInPath{Database{probe: asIs}},
		NoCheck: "it fetches, and judges nothing",
		Make: func(t *testing.T) scantest.Service {
			t.Helper()
			dir := t.TempDir()
			return scantest.Service{Service: scan.Service{Root: dir, Dir: dir, Python: true, Version: "v1", Options: scan.Options{TrivyDB: registry(t, databaseOf(t))}}}
		},
		Tools: []scantest.Tool{{Name: toolName, Path: trivy}},
	})
}
