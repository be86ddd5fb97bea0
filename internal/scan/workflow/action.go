package workflow

import (
	"strings"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v4"
)

// actionJob is the name of the job that the steps of an action are made to.
const actionJob = "runs"

// parseAction takes the steps of an action that is made of steps, for the rules
// to see them as those of a workflow. Another's code is no matter of this stage.
func (d *document) parseAction(top *yaml.Node) error {
	runs := value(top, "runs")
	if runs == nil {
		return faultAt(top, "the action has no \"runs\"")
	}
	using := value(runs, "using")
	switch {
	case using == nil:
		return faultAt(runs, "the action does not say what it is run by (\"using\")")
	case using.Value == "docker":
		d.image = text(value(runs, "image"))
		return nil
	case using.Value != "composite":
		return nil
	}
	steps := value(runs, "steps")
	if steps == nil || steps.Kind != yaml.SequenceNode {
		return faultAt(runs, "the action has no list of steps")
	}
	job := &actionlint.Job{ID: &actionlint.String{Value: actionJob, Pos: at(runs)}, Pos: at(runs)}
	for _, n := range steps.Content {
		if n = resolved(n); n.Kind != yaml.MappingNode {
			return faultAt(n, "a step is no mapping")
		}
		job.Steps = append(job.Steps, step(n))
	}
	d.steps = len(steps.Content)
	d.flow = &actionlint.Workflow{Jobs: map[string]*actionlint.Job{actionJob: job}}
	return nil
}

// step is a step of an action as one of a workflow.
func step(n *yaml.Node) *actionlint.Step {
	s := &actionlint.Step{ID: text(value(n, "id")), If: text(value(n, "if")), Name: text(value(n, "name")), Pos: at(n)}
	if vars := texts(value(n, "env")); vars != nil {
		s.Env = &actionlint.Env{Vars: map[string]*actionlint.EnvVar{}}
		for name, v := range vars {
			s.Env.Vars[name] = &actionlint.EnvVar{Name: v[0], Value: v[1]}
		}
	}
	if c := text(value(n, "continue-on-error")); c != nil {
		s.ContinueOnError = &actionlint.Bool{Value: c.Value == "true", Pos: c.Pos}
	}
	if run := text(value(n, "run")); run != nil {
		s.Exec = &actionlint.ExecRun{Run: run, Shell: text(value(n, "shell")), RunPos: run.Pos}
		return s
	}
	e := &actionlint.ExecAction{Uses: text(value(n, "uses")), Inputs: map[string]*actionlint.Input{}}
	for name, v := range texts(value(n, "with")) {
		e.Inputs[name] = &actionlint.Input{Name: v[0], Value: v[1]}
	}
	s.Exec = e
	return s
}

// text is a scalar's; nil of anything else.
func text(n *yaml.Node) *actionlint.String {
	if n == nil || n.Kind != yaml.ScalarNode {
		return nil
	}
	return &actionlint.String{Value: n.Value, Quoted: n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0, Pos: at(n)}
}

// texts are the keys and scalars of a mapping, by the key in small letters.
func texts(n *yaml.Node) map[string][2]*actionlint.String {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	all := map[string][2]*actionlint.String{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if v := text(resolved(n.Content[i+1])); v != nil {
			all[strings.ToLower(n.Content[i].Value)] = [2]*actionlint.String{text(n.Content[i]), v}
		}
	}
	return all
}

func at(n *yaml.Node) *actionlint.Pos { return &actionlint.Pos{Line: n.Line, Col: n.Column} }
