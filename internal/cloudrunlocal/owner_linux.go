package cloudrunlocal

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// owner is whom a file belongs to, not following a link.
func owner(root *os.Root, name string) (user, error) {
	fd, err := openBeneath(root, name)
	if err != nil {
		return user{}, err
	}
	defer unix.Close(fd)
	return ownerOf(fd)
}

func ownerOf(fd int) (user, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return user{}, fmt.Errorf("asking for an owner: %w", err)
	}
	return user{uid: st.Uid, gid: st.Gid}, nil
}

// giveOne hands one file over. The file that is asked for its owner is the file
// that changes hands, whatever happens to its name meanwhile.
func giveOne(root *os.Root, name string, from, to user) error {
	fd, err := openBeneath(root, name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	has, err := ownerOf(fd)
	if err != nil || has.uid != from.uid {
		return err
	}
	if err := unix.Fchownat(fd, "", int(to.uid), int(to.gid), unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "chown", Path: name, Err: err}
	}
	return nil
}

func openBeneath(root *os.Root, name string) (int, error) {
	dir, err := root.Open(".")
	if err != nil {
		return -1, err
	}
	defer dir.Close()
	fd, err := unix.Openat2(int(dir.Fd()), name, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}
