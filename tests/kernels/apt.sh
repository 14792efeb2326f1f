# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# A private apt tree in the cache: signed metadata of the suites that the kernels and the source of
# the lab's emulator come from, seen beside the system's own apt and never mixed with it. Mirrors are
# those that the system's apt sources name; HVACCEL_MIRROR and HVACCEL_SECURITY_MIRROR stand in where
# they name no Debian archive.
# Needs cache.sh.

apt_keyring=/usr/share/keyrings/debian-archive-keyring.gpg
apt_tree=$cache/apt
apt_fresh_minutes=360

# debian_root OPTION...: a minimal Debian, by mmdebstrap. It names descriptors to dash, which knows those
# below 10 only, so it gets none of ours; and there may be more of them than are seen here.
debian_root() {
	mmdebstrap --mode=root --aptopt='APT::Install-Recommends "0"' "$@" \
		3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
}

# apt_mirror security|archive: prints the URI of that Debian archive.
apt_mirror() {
	case $1 in
	security) uri=${HVACCEL_SECURITY_MIRROR:-} end='debian-security/*$' ;;
	*) uri=${HVACCEL_MIRROR:-} end='debian/*$' ;;
	esac
	if [ -z "$uri" ]; then
		# shellcheck disable=SC2016
		uri=$(env -u APT_CONFIG apt-get indextargets --format '$(REPO_URI)' \
			'Identifier: Packages' 2>/dev/null | grep "/$end" | sort -u | head -n 1)
	fi
	[ -n "$uri" ] || die "$EX_MISSING" "the apt sources name no Debian $1 mirror;" \
		"set HVACCEL_MIRROR and HVACCEL_SECURITY_MIRROR"
	printf '%s\n' "${uri%/}"
}

# apt_private COMMAND...: runs an apt command on the private tree.
apt_private() {
	APT_CONFIG=$apt_tree/apt.conf "$@"
}

apt_fresh() {
	[ -n "$(find "$apt_tree/updated" -mmin "-$apt_fresh_minutes" 2>/dev/null)" ]
}

# apt_refresh [now]: brings the metadata up to date when it is older than a few hours.
apt_refresh() {
	need apt-get apt
	[ -r "$apt_keyring" ] || die "$EX_MISSING" "$apt_keyring not found" \
		"(Debian package debian-archive-keyring)"
	[ "${1:-}" = now ] || ! apt_fresh || return 0
	archive=$(apt_mirror archive)
	security=$(apt_mirror security)
	cache_lock apt
	# Another run may have done it while this one waited.
	[ "${1:-}" = now ] || ! apt_fresh || {
		cache_unlock
		return 0
	}
	mkdir -p "$apt_tree/state/lists/partial" "$apt_tree/cache/archives/partial" \
		"$apt_tree/none" || die "$EX_SPACE" "cannot write below $apt_tree"
	: >"$apt_tree/state/status"
	cat >"$apt_tree/sources.list" <<-EOF
	deb [arch=amd64,arm64 signed-by=$apt_keyring] $security bookworm-security main
	deb [arch=amd64,arm64 signed-by=$apt_keyring] $archive trixie-backports main
	deb-src [signed-by=$apt_keyring] $archive bookworm main
	EOF
	cat >"$apt_tree/apt.conf" <<-EOF
	Dir::State "$apt_tree/state";
	Dir::State::status "$apt_tree/state/status";
	Dir::Cache "$apt_tree/cache";
	Dir::Etc::sourcelist "$apt_tree/sources.list";
	Dir::Etc::sourceparts "$apt_tree/none";
	Dir::Etc::preferencesparts "$apt_tree/none";
	APT::Architectures { "amd64"; "arm64"; };
	APT::Sandbox::User "root";
	Acquire::Languages "none";
	Acquire::Retries "3";
	Acquire::http::Timeout "30";
	EOF
	say "reading package lists"
	logged "apt-get update" apt_private apt-get -q -o APT::Update::Error-Mode=any update
	: >"$apt_tree/updated"
	cache_unlock
}

# apt_names REGEX: the package names that match, one a line, lowest version number first.
apt_names() {
	apt_private apt-cache pkgnames | grep -E "^$1\$" | sort -Vu
}

apt_has() {
	apt_private apt-cache pkgnames "$1" | grep -Fxq "$1"
}

# apt_download DIR PACKAGE[:ARCH][=VERSION]...: verified .deb files into DIR.
apt_download() {
	(
		cd "$1" || exit
		shift
		say "downloading $*"
		logged "download" apt_private apt-get -q download "$@"
	) || exit
}
