# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2034
#
# Kernels for the tests of packaging. Needs expect.sh, and $top.
#
# Headers of a foreign kernel want its compiler and C library (tests/kernels/toolchain.sh): kdir_for
# makes a directory that is those headers to whoever reads them, and whose Makefile builds in the
# right place. So rpmbuild, dkms and our Makefile run here as they do on a machine of that kernel.

kernels=$top/tests/kernels/kernels

# kdir_for VERSION: sets $headers, $release and $kdir.
kdir_for() {
	headers=$("$kernels" headers "$1") || skip "no headers of $1"
	release=$("$top/packaging/modules" release --kdir "$headers")
	kdir=$work/headers/$release
	[ ! -d "$kdir" ] || return 0
	mkdir -p "$kdir"
	for part in "$headers"/* "$headers"/.config "$headers"/.kernel*; do
		[ ! -e "$part" ] || ln -s "$part" "$kdir/"
	done
	rm "$kdir/Makefile"
	cat >"$kdir/Makefile" <<EOT
# What runs in another root sees the module's directory only: installing is done from here.
modules clean:
	+env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u MAKELEVEL \
		'$kernels' build '$1' '\$(M)' \$@ KBUILD_EXTRA_SYMBOLS= KCFLAGS='\$(KCFLAGS)'
modules_install:
	+\$(MAKE) -C '$headers' M='\$(M)' \$@
EOT
}

# source_tree DIR: what a package is built of, from the working tree as it is.
source_tree() {
	mkdir -p "$1"
	# shellcheck disable=SC2046
	(cd "$top" && git ls-files --cached --others --exclude-standard -- \
		$(make -s --no-print-directory distfiles) | while read -r file; do
		[ ! -e "$file" ] || printf '%s\n' "$file"
	done | tar -cf - --no-recursion -T -) | tar -C "$1" -xf -
}

# checkout DIR: a checkout of the working tree as it is, in one commit
checkout() {
	mkdir -p "$1"
	(cd "$top" && git ls-files --cached --others --exclude-standard | while read -r file; do
		[ ! -e "$file" ] || printf '%s\n' "$file"
	done | tar -cf - --no-recursion -T -) | tar -C "$1" -xf -
	git -C "$1" init -q
	commit "$1" all
}

# commit DIR SUBJECT: everything in it
commit() {
	git -C "$1" add -A
	git -C "$1" -c user.name=t -c user.email=t@t commit -qm "$2"
}

# spoiled DIR RELEASE CERT: what may break in a directory of modules is seen; each is made, and mended
spoiled() {
	cp -a "$1" "$work/whole"
	for how in gone elsewhere unsigned altered; do
		file=$(find "$1" -name 'hv_vmbus_accel.ko*')
		case $file in
		*.xz) xz -d "$file" && file=${file%.xz} ;;
		*.zst) zstd -qd --rm "$file" && file=${file%.zst} ;;
		esac
		case $how in
		gone) rm "$file" && pattern='no hv_vmbus_accel.ko in' ;;
		elsewhere)
			sed -i "s/vermagic=$2/vermagic=$(echo "$2" | tr 0-9 1-90)/" "$file"
			pattern="is made for .*, not for $(echo "$2" | sed 's/[+.]/[&]/g')"
			;;
		unsigned) strip --strip-debug "$file" && pattern='is not signed' ;;
		altered)
			printf X | dd of="$file" bs=1 seek=2000 conv=notrunc 2>/dev/null
			pattern='was changed after'
			;;
		esac
		refuse_saying "... a module that is $how is seen" "$pattern" "$top/packaging/modules" check \
			--dir "$1" --release "$2" --cert "$3"
		find "$1" -name 'hv_vmbus_accel.ko*' -delete
		cp -a "$work/whole/"hv_vmbus_accel.ko* "$1/"
	done
	rm -r "$work/whole"
}

# test_key DIR: a key and a certificate as kernels take them, for this run only.
test_key() {
	mkdir -p "$1"
	openssl req -new -x509 -newkey rsa:2048 -nodes -days 30 -sha256 -subj "/CN=hvaccel test ${2:-key}" \
		-addext basicConstraints=critical,CA:FALSE -addext keyUsage=digitalSignature \
		-keyout "$1/key.pem" -out "$1/cert.pem" 2>/dev/null
}

package_version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$top/dkms.conf")
