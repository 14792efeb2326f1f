# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# An empty root that packages are installed into, and packages that stand for a distribution's base
# and kernel, so that requirements and scriptlets are tried as they are. Needs expect.sh, kernel.sh.

# What scriptlets and hooks run, from this system.
root_programs='sh depmod modprobe modinfo sed grep head tail tr cut cat find sort mktemp rm uname
	readlink od wc basename dirname mkdir'

# root_rpm ARGUMENT...: rpm on the root
root_rpm() {
	rpm --root "$work/root" --force-debian "$@"
}

# phony NAME VERSION TREE LINE...: an RPM with TREE's content and those lines in its preamble
phony() {
	name=$1 tree=$3
	{
		printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: stands for %s\nLicense: none\n' \
			"$1" "$2" "$1"
		printf 'AutoReq: no\n%%global debug_package %%{nil}\n'
		printf '%%global __os_install_post %%{nil}\n'
		shift 3
		printf '%s\n' "$@"
		printf '%%description\nFor a test.\n%%install\ncp -a %s/. %%{buildroot}/\n' "$tree"
		printf '%%files\n'
		(cd "$tree" && find . -mindepth 1 -type d -printf '%%%%dir "/%P"\n' -o -printf '"/%P"\n')
	} | sed 's/^%%/%/' >"$work/$name.spec"
	rpmbuild -bb --define "_topdir $work/phony" --define "_rpmdir $work" \
		--define "_build_name_fmt $name.rpm" "$work/$name.spec" >"$work/phony.log" 2>&1 || {
		tail -n 20 "$work/phony.log"
		exit 1
	}
}

# root_make DIR: a root with a shell and kmod
root_make() {
	base=$work/base
	mkdir -p "$base/etc" "$base/usr/bin" "$base/usr/sbin" "$base/usr/lib64" "$base/boot" "$base/proc" "$base/tmp" \
		"$base/usr/lib/depmod.d" "$base/usr/lib/kernel/install.d" "$base/usr/libexec" \
		"$base/usr/share/doc" "$base/usr/share/licenses" "$base/usr/share/man/man8" "$base/var/tmp" \
		"$base/usr/src" "$base/usr/share/bash-completion/completions"
	for directory in bin sbin lib lib64; do
		ln -s "usr/$directory" "$base/$directory"
	done
	for program in $root_programs; do
		found=$(command -v "$program")
		{
			printf '%s\n' "$found"
			ldd "$found" | sed -n 's|.*=> \(/[^ ]*\).*|\1|p; s|^\t\(/[^ ]*\) .*|\1|p'
		} | while read -r file; do
			mkdir -p "$base/usr${file%/*}"
			case $file in
			/usr/*) into=$base$file ;;
			*) into=$base/usr$file ;;
			esac
			mkdir -p "${into%/*}"
			[ -e "$into" ] || cp -L "$file" "$into"
		done
	done
	[ -e "$base/usr/sbin/depmod" ] || mv "$base/usr/bin/depmod" "$base/usr/sbin/"
	# what the command is linked with here
	make -s -C "$top/tools" BUILD="$work/tools" >/dev/null
	ldd "$work/tools/hvaccel" | sed -n 's|.*=> \(/[^ ]*\).*|\1|p' |
		while read -r file; do
			mkdir -p "$base/usr${file%/*}"
			[ -e "$base/usr$file" ] || cp -L "$file" "$base/usr$file"
		done
	mkdir -p "$1"
	phony base 1 "$base" 'Provides: /bin/sh kmod dkms gcc make rtld(GNU_HASH)'
	root_rpm -U --nodeps "$work/base.rpm"
	mkdir "$1/dev"
	mknod -m 666 "$1/dev/null" c 1 3
}

# as_rpm RELEASE: as RPM versions spell it; only Debian's names differ from that
as_rpm() {
	echo "$1" | sed 's/-/@/; s/-/./g; s/@/-/'
}

# root_kernel RELEASE VERSION: makes $work/kernel-RELEASE.rpm, the kernel's lists of modules only
root_kernel() {
	tree=$work/kernel/$1
	mkdir -p "$tree/usr/lib/modules/$1/kernel"
	from=$("$kernels" modules-dir "$2")
	cp "$from/modules.order" "$from/modules.builtin" "$tree/usr/lib/modules/$1/"
	# What ours are linked with.
	for name in hv_vmbus dimlib pci-hyperv-intf; do
		find "$from/" -name "$name.ko" -exec cp {} "$tree/usr/lib/modules/$1/kernel/" \;
	done
	depmod -b "$tree/usr" "$1" 2>/dev/null
	phony "kernel-$1" 1 "$tree" "Provides: kernel-core-uname-r = $(as_rpm "$1")"
}
