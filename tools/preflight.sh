#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hvaccel preflight: are the modules ready for the kernel that is booted next? See hvaccel-preflight(8).
set -eu

PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# From dkms.conf, when this is installed.
modules='@MODULES@'

usage() {
	cat <<EOT
usage: hvaccel preflight [OPTION...] [KVER]

Tells whether the hvaccel modules are ready for kernel KVER (default: the newest one installed).
  --cert FILE     they must be signed by this certificate
  --symvers FILE  the kernel's Module.symvers (default: with its headers or in its modules)
  --root DIR      look below DIR, an image that is being made
  --warn          say nothing unless modules are in use here and KVER is not ready for them
Exit: 0 ready, 1 a program failed or is missing, 2 wrong usage, 3 no such kernel, 10 no build for it,
11 a build that depmod does not know, 12 made for another kernel, 13 a symbol is missing or differs,
14 a signature is missing or not trusted, 15 the initramfs holds another build. The first that
applies counts.
EOT
}

die() {
	echo "hvaccel preflight: $*" >&2
	exit 1
}

wrong() {
	echo "hvaccel preflight: $*" >&2
	exit 2
}

kernel='' cert='' symvers='' root='' warn=''
while [ $# -gt 0 ]; do
	case $1 in
	--cert | --symvers | --root)
		[ $# -ge 2 ] || wrong "$1 wants a value"
		eval "${1#--}=\$2"
		shift
		;;
	--warn) warn=yes ;;
	--help | -h) usage && exit ;;
	-*) wrong "unknown option '$1'" ;;
	*)
		[ -z "$kernel" ] || wrong "one kernel at a time"
		kernel=$1
		;;
	esac
	shift
done
for file in "$cert" "$symvers"; do
	[ -z "$file" ] || [ -r "$file" ] || wrong "cannot read $file"
done
case $kernel in
*/* | .*) wrong "'$kernel' is not a kernel release" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
# shellcheck source-path=SCRIPTDIR source=module.sh
. "$here/module.sh"

status=0
said=$work/said
: >"$said"

# tell WHAT TEXT...: a line of the report
tell() {
	what=$1
	shift
	printf '%-10s %s\n' "$what" "$*" >>"$said"
}

# fault STATUS WHAT TEXT...: one that keeps the kernel from being ready
fault() {
	code=$1 what=$2
	shift 2
	tell "$what" "NOT READY: $*"
	[ "$status" != 0 ] || status=$code reason=$*
}

# in_use: are there builds for other kernels, or loaded modules? Only then anybody wants a warning.
in_use() {
	for name in $modules; do
		[ -n "$root" ] || [ ! -d "/sys/module/$name" ] || return 0
		[ -z "$(find "$root"/lib/modules/*/ -name "$name.ko*" 2>/dev/null | head -n 1)" ] || return 0
	done
	return 1
}

leave() {
	if [ -z "$warn" ]; then
		cat "$said"
		if [ "$status" = 0 ]; then
			echo "ready: $kernel"
		else
			echo "not ready: $kernel: $reason"
		fi
	elif [ "$status" != 0 ] && in_use; then
		echo "hvaccel: kernel $kernel is not ready: $reason"
		echo "hvaccel: if it is booted like this, NICs stay with hv_netvsc; see hvaccel preflight $kernel"
	fi
	exit "$status"
}

# The kernel.
if [ -z "$kernel" ]; then
	kernel=$(find "$root/lib/modules/" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null |
		sort -V | tail -n 1)
	[ -n "$kernel" ] || {
		echo "hvaccel preflight: no kernel in $root/lib/modules" >&2
		exit 3
	}
fi
directory=$root/lib/modules/$kernel
[ -d "$directory" ] || {
	reason="no $directory"
	status=3
	leave
}
tell kernel "$kernel"

# A build, where depmod finds it; of several copies modprobe takes the one that modules.dep names.
extension=$root/usr/lib/extension-release.d/extension-release.hvaccel
for name in $modules; do
	file=$(sed -n "s|^\([^:]*/\)\{0,1\}\($name\.ko[.a-z]*\):.*|\1\2|p" "$directory/modules.dep" \
		2>/dev/null | head -n 1)
	found=$(find "$directory/" -name "$name.ko*" ! -type d 2>/dev/null | sort | head -n 1)
	if [ -n "$file" ] && [ -f "$directory/$file" ]; then
		file=$directory/$file
		tell build "$file, version $(field version "$file")"
	elif [ -z "$found" ]; then
		fault 10 build "there is no $name for it"
		continue
	else
		file=$found
		if [ -e "$extension" ]; then
			tell build "$file, version $(field version "$file"), loaded by hvaccel-load.service"
		else
			fault 11 build "depmod does not know $file: run depmod $kernel"
		fi
	fi
	printf '%s %s\n' "$name" "$file" >>"$work/builds"
done
[ -s "$work/builds" ] || leave

while read -r name file; do
	made_for "$kernel" "$file" || fault 12 vermagic "$file is made for '${vermagic%% *}'"
done <"$work/builds"

# Its symbols.
for try in "$directory/build/Module.symvers" "$directory/symvers.gz" "$directory/symvers.xz" \
	"$directory/symvers.zst" "$root/boot/symvers-$kernel.gz" "$root/boot/symvers-$kernel.xz"; do
	[ -n "$symvers" ] || [ ! -r "$try" ] || symvers=$try
done
if [ -n "$symvers" ]; then
	plain "$symvers"
	# It complains of symbols and succeeds; what it fails with, it has not looked at.
	depmod ${root:+-b "$root"} -n -e -E "$plain" "$kernel" 2>"$work/depmod" >/dev/null ||
		die "$(tail -n 1 "$work/depmod")"
	count=0
	while read -r name file; do
		while read -r line; do
			[ -n "$line" ] || continue
			fault 13 symbols "${line#*: }"
			count=$((count + 1))
			[ "$count" -lt 5 ] || break
		done <<-END
		$(grep -E "/$name\.ko[.a-z]* (needs unknown|disagrees about)" "$work/depmod" || :)
		END
	done <"$work/builds"
	[ "$count" != 0 ] || tell symbols "met, by $symvers"
else
	tell symbols "not looked at: no Module.symvers of $kernel (--symvers)"
fi

# Its signatures, and whether they matter.
enforced=
cmdline=/proc/cmdline
[ -z "$root" ] || cmdline=
if grep -qs '^CONFIG_MODULE_SIG_FORCE=y' "$root/boot/config-$kernel" "$directory/config"; then
	enforced="the kernel's configuration"
elif grep -Eqs '(^|[ "])module\.sig_enforce(=[1yY]|[ "]|$)' "$root/etc/kernel/cmdline" \
	"$root/etc/default/grub" ${cmdline:+"$cmdline"}; then
	enforced="module.sig_enforce"
elif [ -z "$root" ]; then
	for variable in /sys/firmware/efi/efivars/SecureBoot-*; do
		[ ! -r "$variable" ] || [ "$(tail -c 1 "$variable" | od -An -tu1 | tr -d ' ')" != 1 ] ||
			enforced="Secure Boot"
	done
fi
while read -r name file; do
	plain "$file"
	signer=$(field signer "$plain")
	if [ -n "$cert" ]; then
		if signed_by "$cert" "$file"; then
			tell signature "$name: signed by $cert"
		else
			fault 14 signature "$file $unsigned"
		fi
	elif [ -z "$enforced" ]; then
		tell signature "$name: signed by '${signer:-nobody}', not enforced here"
	elif [ -z "$signer" ]; then
		fault 14 signature "$name is not signed, and $enforced wants it"
	elif [ -n "$root" ]; then
		fault 14 signature "$name is signed by '$signer'; name the trusted one with --cert"
	elif grep -qF " $signer: " /proc/keys; then
		tell signature "$name: signed by '$signer', a key of that name is in the kernel's keyrings"
	else
		fault 14 signature "$name is signed by '$signer', which no keyring of the kernel has"
	fi
done <"$work/builds"

# A copy in the initramfs is the one that is loaded. A unified kernel image has it in a section of its
# own; kernel-install has either below the machine's name, too.
for image in "$root/boot/initrd.img-$kernel" "$root/boot/initramfs-$kernel.img" \
	"$root/boot/initrd-$kernel" "$directory/initrd" "$directory"/*.efi \
	"$root"/boot/*/"$kernel/initrd" "$root"/efi/*/"$kernel/initrd" "$root"/boot/efi/*/"$kernel/initrd" \
	"$root"/boot/EFI/Linux/"$kernel".efi "$root"/boot/EFI/Linux/*-"$kernel".efi \
	"$root"/boot/EFI/Linux/*-"$kernel"+[0-9]*.efi "$root"/efi/EFI/Linux/"$kernel".efi \
	"$root"/efi/EFI/Linux/*-"$kernel".efi "$root"/efi/EFI/Linux/*-"$kernel"+[0-9]*.efi \
	"$root"/boot/efi/EFI/Linux/"$kernel".efi "$root"/boot/efi/EFI/Linux/*-"$kernel".efi \
	"$root"/boot/efi/EFI/Linux/*-"$kernel"+[0-9]*.efi; do
	[ -f "$image" ] || continue
	rm -rf "$work/initramfs"
	mkdir -p "$work/initramfs"
	packed=$image
	case $image in
	*.efi)
		command -v objcopy >/dev/null || {
			tell initramfs "$image: not looked at: objcopy is not here (binutils)"
			continue
		}
		packed=$work/initrd
		rm -f "$packed"
		objcopy --dump-section .initrd="$packed" "$image" "$work/rest" 2>/dev/null || {
			tell initramfs "$image has no section for one"
			continue
		}
		;;
	esac
	if command -v unmkinitramfs >/dev/null; then
		unmkinitramfs "$packed" "$work/initramfs" >/dev/null 2>&1 || die "cannot unpack $image"
	elif command -v lsinitrd >/dev/null; then
		(cd "$work/initramfs" && lsinitrd --unpack "$packed" >/dev/null 2>&1) ||
			die "cannot unpack $image"
	else
		tell initramfs "$image: not looked at: neither unmkinitramfs nor lsinitrd is here"
		continue
	fi
	held=
	while read -r name file; do
		plain "$file"
		wanted=$(field srcversion "$plain")
		find "$work/initramfs" -name "$name.ko*" >"$work/copies"
		while read -r copy; do
			[ -n "$held" ] || held="this build"
			plain "$copy"
			{ [ "$(field srcversion "$plain")" = "$wanted" ] && made_for "$kernel" "$copy"; } ||
				{
					fault 15 initramfs "$image holds another build of $name: make it anew"
					held="another build"
				}
		done <"$work/copies"
	done <"$work/builds"
	tell initramfs "$image holds ${held:-none, none is needed}"
done

# The NICs, and who has each after the boot: hvaccel switch leaves a rule of udev's, and where the driver
# cannot be loaded then, it gives the NIC back. Nothing here fails.
given=hv_netvsc_accel
case $status in
0 | 15) ;;
*) given="hv_netvsc, though it is given to hv_netvsc_accel" ;;
esac
grep -ls hv_netvsc_accel "$root"/etc/udev/rules.d/*.rules >"$work/rules" || :
if [ -z "$root" ]; then
	for device in /sys/bus/vmbus/devices/*; do
		[ "$(cat "$device/class_id" 2>/dev/null)" = '{f8615163-df3e-46c5-913f-f2d2f965ed0e}' ] ||
			continue
		interface=$(ls "$device/net" 2>/dev/null || :)
		driver=$(readlink "$device/driver" || :)
		later=hv_netvsc
		! xargs -r grep -ls "${device##*/}" <"$work/rules" | grep -q . || later=$given
		tell nic "${interface:-${device##*/}}: now ${driver##*/}, after a boot $later"
	done
else
	tell nic "$(wc -l <"$work/rules") given to hv_netvsc_accel by a udev rule"
fi
leave
