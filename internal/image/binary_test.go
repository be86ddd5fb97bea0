package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/hint"
)

// program is an ELF file of nothing but headers.
func program(t *testing.T, machine elf.Machine, segments ...elf.ProgType) []byte {
	t.Helper()
	var b bytes.Buffer
	hdr := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: uint16(len(segments)), Shentsize: 64,
	}
	check(t, binary.Write(&b, binary.LittleEndian, hdr))
	for _, s := range segments {
		check(t, binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(s)}))
	}
	return b.Bytes()
}

func TestCheckBinaryRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		content []byte
		want    string
		remedy  bool
	}{
		{"needs a loader", program(t, elf.EM_X86_64, elf.PT_LOAD, elf.PT_INTERP), "is not static", true},
		{"needs libraries", program(t, elf.EM_X86_64, elf.PT_LOAD, elf.PT_DYNAMIC), "is not static", true},
		{"another architecture", program(t, elf.EM_AARCH64, elf.PT_LOAD), "the program is for EM_AARCH64", false},
		{"no Go program", program(t, elf.EM_X86_64, elf.PT_LOAD), "build information", false},
		{"no program", []byte("!<arch>\n"), "no program for Linux", true},
		{"nothing", nil, "no program for Linux", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "program")
			check(t, os.WriteFile(name, tt.content, 0o600))
			_, err := checkBinary(name, "amd64")
			if err == nil || !strings.Contains(err.Error(), tt.want) || (hint.Remedy(err) != "") != tt.remedy {
				t.Errorf("checkBinary: %v (%q), want an error with %q", err, hint.Remedy(err), tt.want)
			}
		})
	}
}

func TestSameContent(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<17)
	im := imageOf(t, Limits{}, []item{reg("a", long)})
	for content, same := range map[string]bool{long: true, long + "y": false, long[1:]: false, "": false, "y" + long[1:]: false} {
		name := filepath.Join(t.TempDir(), "file")
		check(t, os.WriteFile(name, []byte(content), 0o600))
		err := im.Walk(func(e Entry) error {
			if e.Mode.IsDir() {
				return nil
			}
			return sameContent(e, name)
		})
		if (err == nil) != same {
			t.Errorf("%d bytes against %d: %v", len(content), len(long), err)
		}
	}
}
