package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/internal/mask"
)

// maxSecret bounds the value of a declared secret, bytes.
const maxSecret = 64 << 10

// declared reads the values of the secrets that the configuration names: from
// the environment, or from the user's files. One that has none is left out, and
// the notes say what keeps one from being used, or masked.
func (a *app) declared(service string, names map[string]string) (values map[string]string, notes []string) {
	values = map[string]string{}
	for _, variable := range slices.Sorted(maps.Keys(names)) {
		value := a.Getenv(variable)
		if value == "" {
			var err error
			if value, err = a.secretFile(service, names[variable]); err != nil {
				notes = append(notes, fmt.Sprintf("the secret %s is not used: %v", variable, err))
				continue
			}
		}
		switch {
		case value == "":
			continue
		case len(value) < mask.Shortest:
			notes = append(notes, fmt.Sprintf("the secret %s is not masked: it has fewer than %d characters, and would blot out ordinary words", variable, mask.Shortest))
		}
		values[variable] = value
	}
	return values, notes
}

// secretFile reads a value from sluice/secrets/SERVICE/NAME in the user's
// configuration folder, without the line break at its end; "" when there is no
// such file. Nobody else may have a say in it, or a look at it.
func (a *app) secretFile(service, name string) (string, error) {
	dir, err := a.configDir()
	if err != nil {
		return "", nil // there is no such folder
	}
	dir = filepath.Join(dir, "sluice", "secrets", service)
	if info, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	} else if !info.IsDir() || !owned(info) || info.Mode().Perm()&0o022 != 0 {
		return "", fmt.Errorf("%s must be a folder of yours that nobody else may write to", dir)
	}
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case errors.Is(err, syscall.ELOOP):
		return "", fmt.Errorf("%s is a symbolic link", path)
	case err != nil:
		return "", err
	}
	defer f.Close()
	return readSecret(f)
}

func readSecret(f *os.File) (string, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular() || !owned(info):
		return "", fmt.Errorf("%s is no file of yours", f.Name())
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s may be read by others: chmod 600 it", f.Name())
	case info.Size() > maxSecret:
		return "", fmt.Errorf("%s has more than %d bytes", f.Name(), maxSecret)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret))
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), err
}

// owned tells whether a file is this user's.
func owned(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
