# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# The debug kernel: Debian's 6.12 source, built with the checkers of debug.config. Needs cache.sh,
# apt.sh and debian.sh.
#
#   $cache/source/linux-VERSION/   the unpacked source package
#   $cache/headers/RELEASE/        the output tree, KDIR for modules
#   $cache/kernels/RELEASE/        bzImage vmlinux config lib/modules/RELEASE/, as for Debian's own
#
# RELEASE ends in a digest of debug.config, so that a change of either builds another kernel.

debug_package=linux-source-6.12

debug_names() {
	debug_digest=$(sha256sum <"$here/debug.config" | cut -c1-8)
}

# debug_fetch: the debug kernel in the cache; sets $release, and $headers to its KDIR.
debug_fetch() {
	debug_names
	if [ -n "$refresh" ] || ! release=$(readlink "$cache/kernels/debug") ||
	   [ "${release##*-}" != "$debug_digest" ] || [ ! -d "$cache/kernels/$release" ]; then
		debug_build
	fi
	headers=$cache/headers/$release
}

debug_build() {
	need gcc-12 gcc-12
	need flex flex
	need bison bison
	apt_refresh "$refresh"
	deb_version=$(apt_private apt-cache madison $debug_package | awk '{ print $3; exit }')
	[ -n "$deb_version" ] || die "$EX_FAILED" "the suites carry no $debug_package"
	source=$cache/source/linux-$deb_version
	cache_lock debug
	debug_unpack
	release=${deb_version%%-*}-debug-$debug_digest
	dest=$cache/kernels/$release
	[ -d "$dest" ] || debug_make
	ln -sfn "$release" "$cache/kernels/debug"
	ln -sfn "$release" "$cache/headers/debug"
	cache_unlock
}

debug_unpack() {
	[ ! -d "$source" ] || return 0
	cache_begin "$source"
	mkdir "$making/package"
	apt_download "$making/package" "$debug_package=$deb_version"
	deb_unpack "$making/package"
	say "unpacking the source"
	logged "unpacking the source" tar -C "$making" --strip-components=1 \
		-xf "$making/package/usr/src/$debug_package.tar.xz"
	rm -rf "$making/package"
	cache_publish "$source"
}

# debug_make: an interrupted build goes on where it stopped, so the output tree is made in place.
debug_make() {
	output=$cache/headers/$release
	mkdir -p "$output" || die "$EX_SPACE" "cannot create $output"
	{
		cat "$here/debug.config"
		printf 'CONFIG_LOCALVERSION="-debug-%s"\n' "$debug_digest"
	} >"$output/fragment"
	set -- make -s -C "$source" O="$output" CC=gcc-12
	logged "configuring" env KCONFIG_ALLCONFIG="$output/fragment" "$@" allnoconfig
	lost=$(grep '^CONFIG_' "$output/fragment" | grep -vxFf "$output/.config" | tr '\n' ' ')
	[ -z "$lost" ] || die "$EX_FAILED" "debug.config: not accepted: $lost"
	say "building the debug kernel (about 15 minutes; log: $output/build.log)"
	"$@" -j"$(nproc)" bzImage modules >"$output/build.log" 2>&1 </dev/null ||
		logged_fail "debug kernel" "$output/build.log"
	cache_begin "$dest"
	logged "installing modules" "$@" INSTALL_MOD_PATH="$making" DEPMOD=depmod modules_install
	rm -f "$making/lib/modules/$release/build" "$making/lib/modules/$release/source"
	cp "$output/arch/x86/boot/bzImage" "$output/vmlinux" "$making/"
	cp "$output/.config" "$making/config"
	# What a module build reads is the headers, scripts, objtool and Module.symvers.
	find "$output" \( -path "$output/scripts" -o -path "$output/tools" \) -prune -o -type f \
		\( -name '*.o' -o -name '*.a' -o -name '*.ko' -o -name '.*.cmd' \) -exec rm -f {} +
	cache_publish "$dest"
}
