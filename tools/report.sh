#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hvaccel report: what a bug report wants, without names and addresses. See hvaccel-report(8).
set -eu
umask 077

PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
# From dkms.conf, when this is installed.
modules='@MODULES@'

usage() {
	cat <<EOT
usage: hvaccel report [-o FILE] | hvaccel report --redact <TEXT

Collects versions, the kernel's log as far as it speaks of Hyper-V, VMBus and NICs, their settings and
counters into a tar archive (default: hvaccel-report.tar.gz here). Names of the machine, MAC and IP
addresses, UUIDs and serials are replaced, the same one by the same word everywhere. Look at it before
you send it.
  -o FILE    the archive
  --redact   replaces them in standard input, for any other log that you attach
Exit: 0 done, 1 the archive cannot be written, 2 wrong usage.
EOT
}

# redact MAP: standard input with everything that tells who this is replaced. MAP keeps what stands
# for what from one file to the next. GUIDs of VMBus device classes are the same everywhere, and stay.
redact() {
	awk -v map="$1" -v host="$(uname -n)" -v classes="$classes" '
	function stand(kind, what) {
		what = tolower(what)
		if (!((kind, what) in known)) {
			known[kind, what] = kind "-" ++number[kind]
			print kind, what, known[kind, what] >>map
		}
		return known[kind, what]
	}
	# replace LINE PATTERN KIND: every match that is no part of a longer word
	function replace(line, pattern, kind,   out, before, match_text, after) {
		out = ""
		while (match(line, pattern)) {
			before = substr(line, 1, RSTART - 1)
			match_text = substr(line, RSTART, RLENGTH)
			after = substr(line, RSTART + RLENGTH)
			if ((out before) ~ /[0-9A-Za-z]$/ || after ~ /^[0-9A-Za-z]/ || keep(kind, match_text))
				out = out before match_text
			else
				out = out before "<" stand(kind, match_text) ">"
			line = after
		}
		return out line
	}
	# An interface that systemd names after its address: as that address is
	function replace_enx(line,   out, digits, i, address) {
		out = ""
		while (match(line, "enx" x4 x4 x4)) {
			digits = substr(line, RSTART + 3, 12)
			address = substr(digits, 1, 2)
			for (i = 3; i < 12; i += 2)
				address = address ":" substr(digits, i, 2)
			out = out substr(line, 1, RSTART + 2) "<" stand("mac", address) ">"
			line = substr(line, RSTART + RLENGTH)
		}
		return out line
	}
	function keep(kind, text) {
		text = tolower(text)
		if (kind == "guid")
			return index(classes, text)
		if (kind == "ip4")
			return text ~ /^(0\.0\.0\.0|127\.|255\.)/
		if (kind == "ip6")
			return text == "::" || text == "::1" || !is_ip6(text)
		return 0
	}
	# Two colons in a row once, or seven: a time of day and a PCI address have neither.
	function is_ip6(text,   colons) {
		if (text ~ /:::|::.*::|[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]/)
			return 0
		colons = gsub(/:/, ":", text)
		return text ~ /::/ ? colons <= 7 : colons == 7
	}
	# literal LINE TEXT KIND: like replace, of a text that is no pattern
	function literal(line, text, kind,   at, out) {
		out = ""
		while (text != "" && (at = index(line, text))) {
			out = out substr(line, 1, at - 1) "<" stand(kind, text) ">"
			line = substr(line, at + length(text))
		}
		return out line
	}
	BEGIN {
		while ((getline line <map) > 0) {
			split(line, part, " ")
			known[part[1], part[2]] = part[3]
			number[part[1]]++
		}
		close(map)
		x = "[0-9a-fA-F]"
		xx = x x
		x4 = xx xx
		# six octets, and the twenty of InfiniBand
		mac = xx "[:]" xx "[:]" xx "[:]" xx "[:]" xx "([:]" xx ")+"
		guid = x4 x4 "-" x4 "-" x4 "-" x4 "-" x4 x4 x4
		rdma_guid = x4 "[:]" x4 "[:]" x4 "[:]" x4
		disk = "(naa|eui)[.]" xx "(" xx ")+"
		d = "[0-9][0-9]?[0-9]?"
		ip4 = d "[.]" d "[.]" d "[.]" d
		ip6 = "[0-9a-fA-F:]+"
		# A kernel takes any word on its command line; only those that hardware and drivers
		# are tuned with are told.
		told = "^(hv_|hyperv|isolcpus|nohz|rcu_|irqaffinity|pci|iommu|intel_|amd_|mitigations|module[.]|"
		told = told "hugepage|default_hugepage|transparent_|console=|quiet|ro$|rw$|clocksource|tsc|"
		told = told "preempt|net[.]|numa|nr_cpus|maxcpus|nosmt|processor[.]|idle=|init_on_)"
	}
	/^BOOT_IMAGE=|[Cc]ommand line: |[Cc]ommand line parameters/ {
		gsub(/"/, " ")
		words = split($0, word, " ")
		line = ""
		for (i = 1; i <= words; i++)
			line = line (word[i] ~ told ? word[i] " " : "")
		$0 = "command line, as far as it is told: " line
	}
	{
		line = replace($0, guid, "guid")
		line = replace(line, mac, "mac")
		line = replace_enx(line)
		line = replace(line, disk, "serial")
		line = replace(line, ip4, "ip4")
		line = replace(line, ip6, "ip6")
		line = replace(line, rdma_guid, "guid")
		if (length(host) > 2 && host != "localhost")
			line = literal(line, host, "host")
		print line
	}'
}

classes=$(cat /sys/bus/vmbus/devices/*/class_id 2>/dev/null | tr -d '{}' | sort -u | tr '\n' ' ')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
map=$work/map
: >"$map"

out=hvaccel-report.tar.gz
while [ $# -gt 0 ]; do
	case $1 in
	-o)
		[ $# -ge 2 ] || {
			echo "hvaccel report: -o wants a file" >&2
			exit 2
		}
		out=$2
		shift
		;;
	--redact)
		redact "$map"
		exit
		;;
	--help | -h) usage && exit ;;
	*)
		echo "hvaccel report: unknown option '$1'" >&2
		exit 2
		;;
	esac
	shift
done

folder=$work/hvaccel-report
mkdir "$folder"

# take FILE COMMAND...: what it prints, complaints and exit status included; a tool that is missing or
# fails is a finding too.
take() {
	file=$folder/$1
	shift
	{
		echo "\$ $*"
		got=0
		"$@" 2>&1 </dev/null || got=$?
		[ "$got" = 0 ] || echo "(exit status $got)"
		echo
	} | redact "$map" >>"$file"
}

# attributes DIRECTORY: a sysfs directory's plain files, one a line; not those that say which disk or
# card it is
attributes() {
	find "$1/" -maxdepth 4 -type f -perm -400 ! -name uevent ! -name config ! -name 'resource*' \
		! -name rom ! -name ring ! -name wwid ! -name 'vpd*' ! -name inquiry \
		! -name 'serial*' ! -name nguid ! -name eui ! -name subsysnqn 2>/dev/null | sort | while read -r file; do
		printf '%s: %s\n' "${file#"$1"/}" "$(head -c 400 "$file" 2>/dev/null | tr '\n\0' '  ')"
	done
}

kernel_log() {
	dmesg | grep -Ei 'hv_|hvaccel|hyper-?v|vmbus|netvsc|mana|mlx[45]|pci_hyperv|command line|BUG|WARNING|Oops|Call Trace|RIP' |
		tail -n 2000
}

# As the log has it, by which it is known for one.
command_line() {
	printf 'command line: '
	cat /proc/cmdline
}

take versions uname -srvmo
take versions cat /etc/os-release
take versions hvaccel version
take versions command_line
for name in $modules hv_vmbus hv_netvsc pci-hyperv mana mlx5_core; do
	take versions modinfo "$name"
done
take preflight hvaccel preflight "$(uname -r)"
take placement hvaccel placement -j
take status hvaccel status -j
take log kernel_log
take machine lscpu
take machine cat /proc/meminfo /proc/interrupts /proc/softirqs /proc/modules
take machine lspci -nnk
for device in /sys/bus/vmbus/devices/*; do
	[ ! -e "$device" ] || take vmbus attributes "$(readlink -f "$device")"
done
for name in $modules; do
	[ ! -d "/sys/module/$name" ] || take parameters attributes "/sys/module/$name/parameters"
done
take nics ip -d -s link
for nic in /sys/class/net/*; do
	[ -e "$nic/device" ] || continue
	nic=${nic##*/}
	for option in -i -k -l -g -c -S -x; do
		take nics ethtool $option "$nic"
	done
	take nics tc -s qdisc show dev "$nic"
done

# Beside its place, and then there: what has that name meanwhile is not written into, nor read by
# others.
unwritten() {
	echo "hvaccel report: cannot write $out" >&2
	exit 1
}
[ ! -d "$out" ] || unwritten
new=$(mktemp "$out.XXXXXX" 2>/dev/null) || unwritten
{ tar -C "$work" --owner=0 --group=0 -czf - hvaccel-report >"$new" && mv -fT "$new" "$out"; } 2>/dev/null || {
	rm -f "$new"
	unwritten
}
echo "$out: $(find "$folder" -type f | wc -l) files, $(wc -l <"$map") names and addresses replaced"
echo "Look at it before you send it."
