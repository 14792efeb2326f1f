# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Which QEMU emulates the first level. Needs cache.sh and apt.sh.
#
# Before 8.1 QEMU, translating on several threads, may run the translation of text that a kernel has
# patched meanwhile: a guest then meets a breakpoint that is no longer there ("int3: 0000 [#1]").
# Free-running levels therefore take the system's QEMU only when it is new enough, else Debian's
# from bookworm-backports, unpacked into the cache and used in place. Counted levels translate on
# one thread, where this cannot happen, and always take the system's: 10.0 never came back from
# a counted net-cost.

qemu_backport=$cache/qemu
qemu_packages='qemu-system-x86 qemu-system-common qemu-system-data seabios'

# qemu_version PROGRAM: 802 for 8.2.4.
qemu_version() {
	"$1" --version 2>/dev/null |
		sed -n '1s/.*version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | {
		read -r major minor && echo $((major * 100 + minor))
	}
}

# level1_qemu: prints the program to run; $counted is the caller's. To be called in a subshell: it
# sets traps.
level1_qemu() {
	need qemu-system-x86_64 qemu-system-x86
	if [ -n "$counted" ] || [ "$(qemu_version qemu-system-x86_64)" -ge 801 ]; then
		echo qemu-system-x86_64
		return
	fi
	[ -x "$qemu_backport/run" ] || qemu_fetch
	echo "$qemu_backport/run"
}

qemu_fetch() {
	apt_use emulator
	apt_refresh
	cache_lock qemu
	[ ! -x "$qemu_backport/run" ] || return 0
	cache_begin "$qemu_backport"
	# shellcheck disable=SC2086 # a list of package names
	apt_download "$making" $qemu_packages
	deb_unpack "$making"
	cat >"$making/run" <<-EOF
	#!/bin/sh
	exec "$qemu_backport/usr/bin/qemu-system-x86_64" -L "$qemu_backport/usr/share/qemu" \
		-L "$qemu_backport/usr/share/seabios" "\$@"
	EOF
	chmod +x "$making/run"
	version=$(qemu_version "$making/usr/bin/qemu-system-x86_64")
	[ "${version:-0}" -ge 801 ] ||
		die "$EX_MISSING" "QEMU of bookworm-backports does not start:" \
			"$("$making/usr/bin/qemu-system-x86_64" --version 2>&1 | head -n 1)"
	cache_publish "$qemu_backport"
	cache_unlock
}
