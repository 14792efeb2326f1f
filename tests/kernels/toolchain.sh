# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# Building modules with the compiler that built the kernel. Needs cache.sh, apt.sh, debian.sh, debug.sh.
#
# Kernels of bookworm build on bookworm itself. Those of trixie need its gcc-14, pahole and glibc
# (their objtool and modpost are linked against 2.38): $cache/trixie is a minimal trixie, entered
# with a private mount namespace in which proc, the cache and the module's directory are mounted
# at their own paths, so that paths in messages are right. objtool reads /proc.

trixie=$cache/trixie
trixie_packages=make,kmod,gcc-12,gcc-14,gcc-14-aarch64-linux-gnu,gcc-12-aarch64-linux-gnu,pahole
trixie_packages=$trixie_packages,libelf1t64,libssl3t64,zlib1g,ca-certificates

trixie_fetch() {
	[ -z "$refresh" ] || cache_retire "$trixie"
	[ ! -x "$trixie/usr/bin/gcc-14" ] || return 0
	need mmdebstrap mmdebstrap
	[ "$(id -u)" = 0 ] || die "$EX_MISSING" "the trixie root needs root to be made and entered"
	cache_lock trixie
	if [ ! -x "$trixie/usr/bin/gcc-14" ]; then
		cache_begin "$trixie"
		say "making a trixie root (about 40 s)"
		logged "mmdebstrap" debian_root --variant=apt --include="$trixie_packages" \
			trixie "$making" \
			"deb [signed-by=$apt_keyring] $(apt_mirror archive) trixie main"
		cache_publish "$trixie"
	fi
	cache_unlock
}

# in_trixie DIR COMMAND...: runs the command in DIR inside the root.
in_trixie() {
	in_dir=$1
	shift
	mkdir -p "$trixie$cache" "$trixie$in_dir"
	# The paths are the inner shell's: $1 root, $2 cache, $3 directory.
	# shellcheck disable=SC2016
	unshare --mount --propagation private sh -euc '
		root=$1 cache=$2 dir=$3
		shift 3
		mount -t proc proc "$root/proc"
		mount --rbind "$cache" "$root$cache"
		mountpoint -q "$root$dir" || mount --rbind "$dir" "$root$dir"
		exec chroot "$root" /usr/bin/env -C "$dir" PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			LC_ALL=C "$@"' sh "$trixie" "$cache" "$in_dir" "$@"
}

# compiler_here: succeeds when this system has the compiler of $series for $arch and a C library that
# the tools in $headers can use.
compiler_here() {
	case $series in
	6.*) wanted=gcc-12 ;;
	*) wanted=gcc-14 ;;
	esac
	case $arch in
	arm64) wanted=aarch64-linux-gnu-$wanted ;;
	amd64) wanted=x86_64-linux-gnu-$wanted ;;
	esac
	command -v "$wanted" >/dev/null 2>&1 && command -v pahole >/dev/null 2>&1 &&
		! "$headers/scripts/mod/modpost" 2>&1 | grep -q GLIBC_
}

# headers_of VERSION: sets $headers; $series and $arch say which compiler they want.
headers_of() {
	if [ "$1" = debug ]; then
		debug_fetch
		series=6.12 arch=amd64
	else
		headers_fetch "$1"
	fi
}

# module_build VERSION DIR [MAKE ARGUMENT...]: make -C KDIR M=DIR; target modules unless one is given.
module_build() {
	headers_of "$1"
	[ -d "$2" ] || die "$EX_USAGE" "no directory $2"
	build_dir=$(CDPATH='' cd -- "$2" && pwd -P)
	shift 2
	if compiler_here; then
		env -u ARCH -u CROSS_COMPILE make -C "$headers" M="$build_dir" "$@"
	else
		trixie_fetch
		in_trixie "$build_dir" make -C "$headers" M="$build_dir" "$@"
	fi
}
