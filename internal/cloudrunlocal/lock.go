package cloudrunlocal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes a file's lock and returns what gives it back. The system gives it
// back when the holder dies.
func lock(ctx context.Context, path string) (func(), error) {
	f, err := openOwn(path, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	taken := make(chan error, 1)
	go func() { taken <- flock(f, syscall.LOCK_EX) }()
	select {
	case err := <-taken:
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		return func() { _ = f.Close() }, nil
	case <-ctx.Done():
		go func() { _, _ = <-taken, f.Close() }() // flock cannot be interrupted
		return nil, fmt.Errorf("waiting for %s: %w", path, context.Cause(ctx))
	}
}

// tryLock is lock that does not wait: false when somebody else has it.
func tryLock(path string) (func(), bool, error) {
	f, err := openOwn(path, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return nil, false, fmt.Errorf("locking %s: %w", path, err)
	}
	if err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { _ = f.Close() }, true, nil
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
