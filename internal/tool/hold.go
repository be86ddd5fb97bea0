package tool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// hold takes a file's lock (flock(2)) and gives what returns it; the system
// returns that of a process that dies. Where another has it, waiting is called
// first.
func hold(ctx context.Context, path string, waiting func()) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		waiting()
		taken := make(chan error, 1)
		go func() { taken <- flock(f, syscall.LOCK_EX) }()
		select {
		case err = <-taken:
		case <-ctx.Done():
			go func() { _, _ = <-taken, f.Close() }() // flock cannot be interrupted
			return nil, fmt.Errorf("waiting for %s: %w", path, context.Cause(ctx))
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
