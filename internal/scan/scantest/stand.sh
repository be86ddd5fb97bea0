#!/bin/sh
# Stands in front of a tool. It counts the calls of each subcommand; those from
# a certain one on end in a fault, the others in what the real tool says.
state=@STATE@

real() { PATH=@PATH@ @REAL@ "$@"; }

# half is the real tool until half of what it prints is printed. What it reads
# comes as it comes: some tools are asked and answer by turns.
half() {
	exec 3<&0
	mkfifo "$call/pipe"
	PATH=@PATH@ @REAL@ "$@" <&3 >"$call/pipe" &
	PATH=@PATH@ dd if="$call/pipe" bs=64k iflag=count_bytes count=@HALF@ status=none
	kill -9 $! 2>/dev/null
}

subcommand() {
	value=
	for a; do
		case $value$a in
		value*) value= ;;
		-c | -C) value=value ;;
		-*) ;;
		*) echo "$a" && return ;;
		esac
	done
	echo none
}

sub=$(subcommand "$@")
n=1
until mkdir "$state/$sub.$n" 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 1000 ] || exit 99
done
call=$state/$sub.$n
echo "$@" >"$call/said"
if [ "$sub" = @SUB@ ] && [ $n -ge @FROM@ ]; then
	: >"$state/reached"
	@FAULT@
fi
{
	real "$@"
	echo $? >"$call/status"
} | tee "$call/printed"
exit "$(cat "$call/status")"
