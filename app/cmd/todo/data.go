package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/sluice-ci/sluice/app/web"
)

const (
	databaseFile = "todo.db"
	keyFile      = "session.key"
	maxKeyFile   = 4 << 10 // bytes
)

// openDataDir makes the data folder when it is not there, and sees that it can
// be written to now, not only when the first visitor comes.
func openDataDir(dir string, database bool) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w; set DATA_DIR to a folder that can be written to", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the data folder: %w", err)
	}
	err = tryWrite(root)
	if err == nil && database {
		err = makeDatabase(root)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the data folder %s cannot be written to: %w; set DATA_DIR to one that can", dir, err), root.Close())
	}
	return root, nil
}

// tryWrite makes and removes a file.
func tryWrite(root *os.Root) error {
	name := ".write-" + rand.Text()
	probe, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), root.Remove(name))
}

// makeDatabase makes the database's file when it is not there: left to SQLite,
// everyone on the machine could read it.
func makeDatabase(root *os.Root) error {
	database, err := root.OpenFile(databaseFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return database.Close()
}

// sessionKeys reads the keys from the setting or, without one, from the data
// folder, where a first key is made.
func sessionKeys(setting string, root *os.Root) (web.Keys, error) {
	source := "SESSION_KEYS"
	if setting == "" {
		source = root.Name() + "/" + keyFile
		text, err := keptKeys(root)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", source, err)
		}
		setting = text
	}
	keys, err := web.ParseKeys(setting)
	if err != nil {
		return nil, fmt.Errorf("reading the session keys of %s: %w; give at least one of 32 bytes in base64", source, err)
	}
	return keys, nil
}

func keptKeys(root *os.Root) (string, error) {
	text, err := readKeys(root)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(root); err != nil {
			return "", err
		}
		return readKeys(root)
	}
	return text, err
}

func readKeys(root *os.Root) (text string, err error) {
	f, err := root.Open(keyFile)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if len(b) > maxKeyFile {
		return "", fmt.Errorf("it is larger than %d bytes", maxKeyFile)
	}
	return string(b), err
}

// makeKey writes the first key aside and links it into place, which does
// nothing when another instance was there first: its key is the one that counts.
func makeKey(root *os.Root) (err error) {
	aside := keyFile + "-" + rand.Text()
	f, err := root.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Remove(aside)) }()
	_, err = io.WriteString(f, web.NewKey()+"\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := root.Link(aside, keyFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
