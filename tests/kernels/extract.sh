# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# The ELF kernel inside a bzImage. Needs cache.sh.

# le FILE OFFSET BYTES: an unsigned little-endian number.
le() {
	od -An -v -tu1 -j "$2" -N "$3" "$1" | awk '
		{ for (i = 1; i <= NF; i++) byte[n++] = $i }
		END { for (i = n - 1; i >= 0; i--) value = value * 256 + byte[i]; print value + 0 }'
}

# extract_vmlinux BZIMAGE VMLINUX: the setup header says where the compressed kernel lies (fields
# setup_sects, payload_offset and payload_length of Documentation/arch/x86/boot.rst), its first
# bytes say how it is compressed. All but gzip carry their unpacked size in four more bytes.
extract_vmlinux() {
	[ "$(le "$1" 514 4)" = 1400005704 ] || die "$EX_FAILED" "$1 is not a bzImage (no HdrS)"
	sectors=$(le "$1" 497 1)
	[ "$sectors" -gt 0 ] || sectors=4
	start=$(((sectors + 1) * 512 + $(le "$1" 584 4)))
	length=$(le "$1" 588 4)
	case $(od -An -v -tx1 -j "$start" -N 6 "$1" | tr -d ' ') in
	1f8b*) unpack="gzip -dc" tail=0 package=gzip ;;
	fd377a585a00) unpack="xz -dc" tail=4 package=xz-utils ;;
	28b52ffd*) unpack="zstd -dc" tail=4 package=zstd ;;
	02214c18*) unpack="lz4 -dc" tail=4 package=lz4 ;;
	425a68*) unpack="bzip2 -dc" tail=4 package=bzip2 ;;
	5d0000*) unpack="xz --format=lzma -dc" tail=4 package=xz-utils ;;
	*) die "$EX_FAILED" "$1: kernel compressed in an unknown way" ;;
	esac
	need "${unpack%% *}" "$package"
	tail -c "+$((start + 1))" "$1" | head -c $((length - tail)) | $unpack >"$2" ||
		die "$EX_FAILED" "$1: cannot unpack the kernel into $2"
	[ "$(od -An -v -tx1 -N 4 "$2" | tr -d ' ')" = 7f454c46 ] ||
		die "$EX_FAILED" "$1: what was unpacked is no ELF kernel"
}
