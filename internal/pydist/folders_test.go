package pydist

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBare(t *testing.T) {
	t.Parallel()
	var f Folders
	for _, e := range []struct {
		name   string
		mode   fs.FileMode
		target string
	}{
		{"/s/whole.dist-info", fs.ModeDir, ""}, {"/s/whole.dist-info/METADATA", 0, ""},
		{"/s/bare.dist-info", fs.ModeDir, ""}, {"/s/bare.dist-info/RECORD", 0, ""}, {"/s/bare.dist-info/x/METADATA", 0, ""},
		{"/s/file.egg-info", 0, ""},
		{"/s/link.dist-info", fs.ModeSymlink, "whole.dist-info"}, {"/s/abs.dist-info", fs.ModeSymlink, "/s/whole.dist-info/"},
		{"/s/away.dist-info", fs.ModeSymlink, "../opt/x"}, {"/s/other.egg-info", fs.ModeSymlink, "bare.dist-info"},
		{"/s/linked.dist-info", fs.ModeDir, ""}, {"/s/linked.dist-info/METADATA", fs.ModeSymlink, "../whole.dist-info/METADATA"},
		{"/s/lost.dist-info", fs.ModeDir, ""}, {"/s/lost.dist-info/METADATA", fs.ModeSymlink, "/cache/METADATA"},
		{"/s/pipe.dist-info/METADATA", fs.ModeNamedPipe, ""}, {"/s/folder", fs.ModeDir, ""},
	} {
		f.Note(e.name, e.mode, e.target)
	}
	want := []string{"/s/bare.dist-info", "/s/lost.dist-info", "/s/away.dist-info", "/s/lost.dist-info/METADATA", "/s/other.egg-info"}
	if diff := cmp.Diff(want, f.Bare()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
