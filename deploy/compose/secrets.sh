#!/bin/sh
# Makes the secrets that compose.yaml mounts, each once: what is there is kept.
#
#   deploy/compose/secrets.sh [FOLDER]
#
# The containers read them as four different users, so each file can be read by
# anyone who reaches it; the folder lets nobody in but its owner. Docker mounts
# the files themselves, so the containers do not pass through the folder.
set -eu
umask 077

folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"

for name in db_password db_root_password grafana_password session_keys; do
	[ ! -f "$folder/$name" ] || continue
	if [ -d "$folder/$name" ]; then # what some versions of compose make of a file that is missing
		echo "secrets.sh: $folder/$name is a folder: remove it and run this again" >&2
		exit 1
	fi
	# Written aside and linked into place: no secret is ever half there, or replaced.
	aside=$(mktemp "$folder/.$name.XXXXXX")
	trap 'rm -f "$aside"' EXIT
	head -c 32 /dev/urandom | base64 | tr -d '\n' >"$aside"
	if [ "$(wc -c <"$aside")" -ne 44 ]; then
		echo "secrets.sh: could not write 32 random bytes in base64 to $aside" >&2
		exit 1
	fi
	chmod 444 "$aside"
	ln "$aside" "$folder/$name"
	rm -f "$aside"
	echo "made $folder/$name"
done
