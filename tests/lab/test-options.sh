#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# test-options.sh [HVLAB]: every mistake on the command line is one line that names the thing, the
# right exit status, and nothing left behind. No guest runs; what needs root or /dev/kvm says so.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=expect.sh
. "$here/expect.sh"

# refuse STATUS TEXT ARGUMENT...: hvlab ends with STATUS after one line that holds TEXT.
refuse() {
	status=$1
	text=$2
	shift 2
	got=0
	timeout 20 "$hvlab" "$@" >out 2>err || got=$?
	if [ "$got" -ne "$status" ]; then
		fail "$*: status $got instead of $status"
	elif [ "$(wc -l <err)" -ne 1 ]; then
		fail "$*: not one line"
	elif ! grep -qF -- "$text" err; then
		fail "$*: does not say '$text'"
	elif [ -s out ]; then
		fail "$*: writes to stdout"
	elif [ -n "$(find . -name '*.tmp')" ]; then
		fail "$*: leaves $(find . -name '*.tmp')"
	else
		passed=$((passed + 1))
	fi
}

# bytes OFFSET OCTAL FILE: writes bytes into a file, given as for printf %b.
bytes() {
	printf '%b' "$2" >piece
	dd if=piece of="$3" bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# bzimage FILE XLOADFLAGS SYSSIZE: something that looks like the start of a bzImage.
bzimage() {
	dd if=/dev/zero of="$1" bs=512 count=8 2>/dev/null
	bytes 497 '\01' "$1"
	bytes 500 "$3" "$1"
	bytes 510 '\0125\0252' "$1"
	bytes 514 HdrS "$1"
	bytes 518 '\017\02' "$1"
	bytes 566 "$2" "$1"
}

bzimage kernel '\01' '\020'
bzimage kernel32 '\0' '\020'
bzimage cut '\01' '\0377\0377'
: >empty
echo text >text
mkdir directory
cp "$hvlab" program
dd if=/dev/zero of=arm64 bs=4096 count=1 2>/dev/null
bytes 0 MZ arm64
bytes 56 'ARM\0144' arm64
printf 'initrd' >initrd

refuse 2 '--kernel is needed'
refuse 2 '--bogus: unknown option' --bogus
refuse 2 'word: not an option' word
refuse 2 '--kernel needs a value' --kernel
refuse 2 '--verbose takes no value' --verbose=1
refuse 2 'absent: No such file' --kernel absent
refuse 2 'directory: not a regular file' --kernel directory
refuse 2 'empty: empty file' --kernel empty
refuse 2 'text: not an x86-64 Linux kernel' --kernel text
refuse 2 'program: an ELF file, but not a vmlinux' --kernel program
refuse 2 'arm64: not an x86-64 Linux kernel' --kernel arm64
refuse 2 'kernel32: a Linux kernel without a 64-bit entry' --kernel kernel32
refuse 2 'cut: the file is cut short' --kernel cut
refuse 2 'absent: No such file' --kernel kernel --initrd initrd,absent
refuse 2 'empty: empty file' --kernel kernel --initrd empty
refuse 2 '--append: 3000 characters' --kernel kernel \
	--append "$(dd if=/dev/zero bs=3000 count=1 2>/dev/null | tr '\0' a)"
for number in 0 65 -1 x 1x ''; do
	refuse 2 "--cpus $number: a number" --kernel kernel --cpus "$number"
done
refuse 2 '--numa 3: more nodes than processors' --kernel kernel --cpus 2 --numa 3
refuse 2 '--numa 9: a number' --kernel kernel --cpus 16 --numa 9
refuse 2 '--mem 1: a number' --kernel kernel --mem 1
refuse 2 '--io-threads 0: a number' --kernel kernel --io-threads 0
refuse 2 '--io-delay soon: a number' --kernel kernel --io-delay soon
refuse 2 '--io-delay 1000001: a number' --kernel kernel --io-delay 1000001
refuse 2 '--profile 0: a number' --kernel kernel --profile 0
refuse 2 '--profile 100001: a number' --kernel kernel --profile 100001
refuse 2 '--io-rate fast: a number' --kernel kernel --io-rate fast
refuse 2 '--io-rate 1000000001: a number' --kernel kernel --io-rate 1000000001
refuse 2 '--deadline soon: a number' --kernel kernel --deadline soon
refuse 2 '--cpu xsave=maybe' --kernel kernel --cpu xsave=maybe
refuse 2 '--cpu sse=on' --kernel kernel --cpu sse=on
refuse 2 '--isolation sev: a number' --kernel kernel --isolation sev
refuse 2 '--isolation 16: a number' --kernel kernel --isolation 16
refuse 2 '--vmbus-max 5' --kernel kernel --vmbus-max 5
refuse 2 '--on-panic shout' --kernel kernel --on-panic shout
refuse 2 '--gdb 70000' --kernel kernel --gdb 70000
refuse 2 'is not an IPv4 address' --kernel kernel --gdb here:1234
refuse 2 '--gdb 1234,later' --kernel kernel --gdb 1234,later
refuse 2 'absent: No such file' --kernel kernel --faults absent
refuse 2 '--net: a type comes first' --kernel kernel --net ''
refuse 2 '--net: a type comes first' --kernel kernel --net id=net0
refuse 2 '--net ne2000: no such type' --kernel kernel --net ne2000
refuse 2 '--net netvsc: id is given twice' --kernel kernel --net netvsc,id=a,id=b
refuse 2 '--vf: a type comes first' --kernel kernel --vf nic=net0
refuse 2 '--vf mlx5: no such type' --kernel kernel --vf mlx5,nic=net0
refuse 2 'told' --kernel kernel --net netvsc,id=net0,backend=echo --vf virtio,nic=net0,told=x
refuse 2 '--vpci toaster: no such type' --kernel kernel --vpci toaster
refuse 2 '--pci tpu: no such type' --kernel kernel --pci tpu
refuse 2 "--net netvsc: 'queues' is not key=value" --kernel kernel --net netvsc,queues
refuse 2 "--net needs a value" --kernel kernel --net
refuse 2 'absent/file: cannot write results: No such file' --kernel kernel --results absent/file
refuse 2 'directory: cannot write results' --kernel kernel --results directory

# Help is not a mistake; it and the manual have the same options.
timeout 20 "$hvlab" --help >out 2>err || fail "--help"
sed -n 's/^  --\([a-z-]*\).*/\1/p' out | sort -u >in-help
sed -n 's/^\.It Fl Fl \([a-z-]*\).*/\1/p' "$here/hvlab.8" | sort -u >in-manual
if diff in-help in-manual >err; then
	passed=$((passed + 1))
else
	fail "--help (<) and hvlab.8 (>) differ"
fi

# Not for root: file permissions do not hold it back.
if [ "$(id -u)" -ne 0 ]; then
	mkdir sealed
	chmod a-w sealed
	refuse 2 'sealed/file: cannot write results: Permission denied' \
		--kernel kernel --results sealed/file
	refuse 2 'sealed/console: cannot write the console' --kernel kernel --console sealed/console
else
	skip "unwritable directory: root may write anywhere"
fi

# Without KVM: in a mount namespace where /dev/kvm is something else, or is gone.
if unshare -m true 2>/dev/null; then
	if [ -e /dev/kvm ]; then
		cat >without <<'END'
mount --bind /dev/null /dev/kvm
exec "$@"
END
		got=0
		unshare -m sh without "$hvlab" --kernel kernel --results results 2>err || got=$?
		if [ "$got" -eq 3 ] && grep -q '/dev/kvm: not a KVM' err && [ ! -e results ] &&
			[ -z "$(find . -name '*.tmp')" ]; then
			passed=$((passed + 1))
		else
			fail "a /dev/kvm that is none: status $got"
		fi
	fi
	cat >without <<'END'
mount -t tmpfs tmpfs /dev
exec "$@"
END
	got=0
	unshare -m sh without "$hvlab" --kernel kernel --results results 2>err || got=$?
	if [ "$got" -eq 3 ] && grep -q '/dev/kvm: No such file' err && [ ! -e results ] &&
		[ -z "$(find . -name '*.tmp')" ]; then
		passed=$((passed + 1))
	else
		fail "no /dev/kvm: status $got"
	fi
else
	skip "without /dev/kvm: needs a mount namespace of its own"
fi
if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	refuse 3 'not enough memory' --kernel kernel --mem 500000 --results results
	refuse 2 'does not fit into 64 MiB' --kernel "$here/build/bare-big" --mem 64
else
	skip "not enough memory: needs /dev/kvm"
fi

finish
