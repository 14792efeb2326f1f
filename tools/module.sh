# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# What a built module says of itself: the kernel it is made for, who signed it. Its user sets $work
# (a directory of its own) and has die().

# plain FILE: sets $plain to the module without its compression.
plain() {
	plain=$work/plain.ko
	case $1 in
	*.xz) xz -dc "$1" >"$plain" ;;
	*.zst) zstd -qdc "$1" >"$plain" ;;
	*.gz) gzip -dc "$1" >"$plain" ;;
	*) plain=$1 ;;
	esac || die "$1 cannot be unpacked"
}

# field NAME FILE: one field of its modinfo.
field() {
	modinfo -F "$1" "$2" 2>/dev/null || :
}

# made_for RELEASE FILE: true when it is for exactly that kernel; sets $vermagic.
made_for() {
	plain "$2"
	vermagic=$(field vermagic "$plain")
	[ "${vermagic%% *}" = "$1" ]
}

# The last bytes of a signed module: a header of 12 whose last four are the length of the signature
# before it, big endian, and this mark of 28 (include/linux/module_signature.h).
signature_mark='~Module signature appended~'

# signature FILE: sets $length to that of the signature, 0 where there is none.
signature() {
	length=0
	[ "$(tail -c 28 "$1" | tr -d '\0\n')" = "$signature_mark" ] || return 0
	# shellcheck disable=SC2046
	set -- $(tail -c 32 "$1" | head -c 4 | od -An -tu1)
	length=$((($1 << 24) + ($2 << 16) + ($3 << 8) + $4))
}

# signed_by CERT FILE: true when that key signed every byte of it; sets $unsigned to why not.
signed_by() {
	plain "$2"
	signature "$plain"
	size=$(wc -c <"$plain")
	unsigned="is not signed"
	[ "$length" -gt 0 ] || return 1
	unsigned="has a broken signature"
	[ $((length + 40)) -lt "$size" ] || return 1
	head -c $((size - 40 - length)) "$plain" >"$work/content"
	tail -c $((length + 40)) "$plain" | head -c "$length" >"$work/signature"
	openssl x509 -in "$1" -out "$work/cert.pem" 2>/dev/null ||
		die "$1 is not a certificate, or there is no openssl"
	# The chain is the kernel's business; here it is this key or not.
	unsigned="is not signed by $1, or was changed after"
	openssl cms -verify -binary -inform DER -in "$work/signature" -content "$work/content" \
		-certfile "$work/cert.pem" -nointern -noverify -out /dev/null 2>/dev/null
}
