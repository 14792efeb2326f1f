# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# Debian's kernels and headers in the cache. Needs cache.sh, apt.sh and extract.sh.
#
#   $cache/kernels/RELEASE/   bzImage vmlinux config lib/modules/RELEASE/ (unpacked, depmod run)
#   $cache/headers/RELEASE/   usr/src/linux-headers-RELEASE/ and all it includes, relocated here
#   $cache/kernels/VERSION, $cache/headers/VERSION   links to what VERSION was resolved to
#
# VERSION is SERIES[-FLAVOUR], RELEASE is what uname -r prints.

# kernel_parse VERSION: sets $series, $flavour (cloud-amd64 unless named) and $version, spelled one way.
kernel_parse() {
	series=${1%%-*}
	flavour=cloud-amd64
	[ "$series" = "$1" ] || flavour=${1#*-}
	case $series in
	6.1) release_re='6\.1\.0-[0-9]+' ;;
	6.12) release_re='6\.12\.[0-9]+\+deb12' ;;
	7.3) release_re='7\.3\.[0-9]+\+deb13' ;;
	*) die "$EX_USAGE" "unknown kernel '$1' (6.1, 6.12, 7.3 or debug; see --help)" ;;
	esac
	case $flavour in
	cloud-amd64 | amd64 | cloud-arm64 | arm64 | arm64-16k) ;;
	*) die "$EX_USAGE" "unknown kernel flavour '$flavour' (cloud-amd64, amd64, cloud-arm64," \
		"arm64, arm64-16k)" ;;
	esac
	version=$series-$flavour
	case $flavour in
	*amd64) arch=amd64 ;;
	*) arch=arm64 ;;
	esac
}

# kernel_resolve VERSION: after kernel_parse, sets $release to the newest one that the suites carry.
kernel_resolve() {
	apt_refresh "$refresh"
	release=$(apt_names "linux-headers-$release_re-$flavour" | tail -n 1)
	release=${release#linux-headers-}
	[ -n "$release" ] || die "$EX_FAILED" "the suites carry no kernel $version"
}

# cached PART VERSION: sets $release and succeeds when PART (kernels, headers) of it is in the cache.
cached() {
	[ -z "$refresh" ] || return 1
	release=$(readlink "$cache/$1/$2" 2>/dev/null) && [ -d "$cache/$1/$release" ]
}

# deb_unpack DIR: all .deb files of DIR into DIR, which they leave.
deb_unpack() {
	need dpkg-deb dpkg
	for deb in "$1"/*.deb; do
		logged "unpacking ${deb##*/}" dpkg-deb -x "$deb" "$1"
		rm -f "$deb"
	done
}

# kernel_fetch VERSION: the kernel in the cache; sets $release.
kernel_fetch() {
	kernel_parse "$1"
	[ "$arch" = amd64 ] || die "$EX_USAGE" "no $arch kernel is run here; its headers are" \
		"what 'headers $version' fetches"
	cached kernels "$version" && return
	kernel_resolve
	cache_lock "kernel-$version"
	dest=$cache/kernels/$release
	if [ ! -d "$dest" ]; then
		need xz xz-utils
		need depmod kmod
		if apt_has "linux-binary-$release"; then
			set -- "linux-binary-$release" "linux-modules-$release" "linux-base-$release"
		else
			set -- "linux-image-$release"
		fi
		cache_begin "$dest"
		apt_download "$making" "$@"
		deb_unpack "$making"
		kernel_tidy
		cache_publish "$dest"
	fi
	ln -sfn "$release" "$cache/kernels/$version"
	cache_unlock
}

# kernel_tidy: one layout in $making out of the two that the packages have.
kernel_tidy() {
	[ -d "$making/lib" ] || mv "$making/usr/lib" "$making/lib"
	modules=$making/lib/modules/$release
	if [ -e "$making/boot/vmlinuz-$release" ]; then
		mv "$making/boot/vmlinuz-$release" "$making/bzImage"
		mv "$making/boot/config-$release" "$making/config"
	else
		mv "$modules/vmlinuz" "$making/bzImage"
		mv "$modules/config" "$making/config"
	fi
	rm -rf "${making:?}/boot" "${making:?}/usr" "$modules/build" "$modules/source"
	extract_vmlinux "$making/bzImage" "$making/vmlinux"
	# Compressed modules cost every guest that loads one seconds under emulation.
	find "$modules" -name '*.ko.xz' -exec xz -d {} +
	logged "depmod" depmod -b "$making" "$release"
}

# headers_fetch VERSION: the headers in the cache; sets $release and $headers, the KDIR for them.
headers_fetch() {
	kernel_parse "$1"
	if ! cached headers "$version"; then
		kernel_resolve
		cache_lock "headers-${release%%-cloud-*}"
		dest=$cache/headers/$release
		if [ ! -d "$dest" ]; then
			cache_begin "$dest"
			headers_download
			headers_relocate
			cache_publish "$dest"
		fi
		ln -sfn "$release" "$cache/headers/$version"
		cache_unlock
	fi
	headers=$cache/headers/$release/usr/src/linux-headers-$release
}

headers_download() {
	abi=${release%"-$flavour"}
	kbuild=linux-kbuild-$abi
	[ "$series" != 6.1 ] || kbuild=linux-kbuild-6.1
	# The programs in linux-kbuild run on this machine, whatever they build for.
	set -- "linux-headers-$release:$arch" "linux-headers-$abi-common" "$kbuild:amd64"
	apt_download "$making" "$@"
	deb_unpack "$making"
}

# headers_relocate: the only absolute paths in the packages are those of the top Makefile.
headers_relocate() {
	sed -i "s|/usr/src/|$dest/usr/src/|g" "$making/usr/src/linux-headers-$release/Makefile"
}
