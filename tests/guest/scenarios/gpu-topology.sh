# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The topology of a VM size is what its description says: in sysfs and in the XML of NCCL and RCCL.
#: deadline=240 MACHINE=nd-h100-v5 machine=@MACHINE@

# shellcheck disable=SC1091
. /lab/gpu.sh

description=/lab/topology

# in_sysfs: groups and roles as the functions' folders have them, in the words of a description.
in_sysfs() {
	for path in "$gpupt"/devices/*; do
		read -r role <"$path/role"
		read -r group <"$path/group"
		read -r node <"$path/numa_node"
		read -r confidence <"$path/confidence"
		read -r domain <"$path/domain"
		printf '%s %s %s %s %s\n' "$role" "$group" "$node" "$confidence" "$domain"
	done | sort -k5 | awk '
		$1 == "gpu" || $1 == "rdma" {
			g = $2 == "none" ? "alone " $5 : $2
			where[g] = $4 " " $3
			if ($1 == "gpu")
				gpus[g] = gpus[g] " " $5
			else
				nics[g] = nics[g] " " $5
			next
		}
		{ others[$1] = others[$1] " " $5 }
		END {
			for (g in where)
				print where[g] ":" gpus[g] " +" nics[g]
			for (role in others)
				print role ":" others[role]
		}' | sort
}

# described [PATTERN]: the lines of the description that match.
described() {
	grep -v '^#' "$description" | grep "$1"
}

# agree NAME WANTED SEEN: two files hold the same.
agree() {
	diff "$2" "$3" >/tmp/difference || {
		cat /tmp/difference
		fail "$1 differs from its description"
	}
}

# xml_agrees FILE VERSION
xml_agrees() {
	cat "$gpupt/$1" >/tmp/xml
	grep -q "^<system version=\"$2\">" /tmp/xml || fail "$1 is not of version $2"
	awk -f /lab/topology.awk /tmp/xml >/tmp/groups || fail "$1: see above"
	sort /tmp/groups >/tmp/seen
	described '^[a-z]* [0-9]' | sed 's/^[a-z]* //' | sort >/tmp/wanted
	agree "$1" /tmp/wanted /tmp/seen
}

gpu_up
described '^[a-z]* [0-9]' >/tmp/wanted
described '^n' | grep -v '^none' >>/tmp/wanted || :
sort -o /tmp/wanted /tmp/wanted
in_sysfs >/tmp/seen
agree "sysfs" /tmp/wanted /tmp/seen
xml_agrees nccl_topo.xml 1
xml_agrees rccl_topo.xml 2
cat /tmp/xml
# The command reads sysfs by itself, and has to come to the same.
case $MACHINE in
*mi300x*) dialect=rccl ;;
*) dialect=nccl ;;
esac
hvaccel topo check "$gpupt/${dialect}_topo.xml" >/tmp/said 2>&1 ||
	fail "hvaccel topo and the module differ: $(tail -n 1 /tmp/said)"
hvaccel topo --format "$dialect" >/tmp/own.xml || fail "hvaccel topo"
awk -f /lab/topology.awk /tmp/own.xml | sort >/tmp/seen
described '^[a-z]* [0-9]' | sed 's/^[a-z]* //' | sort >/tmp/wanted
agree "hvaccel topo" /tmp/wanted /tmp/seen
hvaccel topo --format svg >/tmp/picture || fail "hvaccel topo --format svg"
grep -q '</svg>' /tmp/picture || fail "no picture"
# Nobody drives the stand-ins, and it has to see that.
doctor=0
hvaccel doctor -j >/tmp/doctor 2>&1 || doctor=$?
same "status of hvaccel doctor" 7 "$doctor"
grep -q 'has no driver' /tmp/doctor || fail "hvaccel doctor: $(cat /tmp/doctor)"
# what may be locked is asked of the caller's own limits
for limit in 64 unlimited; do
	busybox sh -c "ulimit -l $limit && exec hvaccel doctor -j" >"/tmp/doctor.$limit" 2>&1 || :
done
grep -q '64 kB of memory may be locked' /tmp/doctor.64 || fail "hvaccel doctor: $(cat /tmp/doctor.64)"
grep -q 'ulimit -l unlimited' /tmp/doctor.64 || fail "no way to lock more: $(cat /tmp/doctor.64)"
same "findings about memlock, unlimited" 0 "$(grep -c '"memlock"' /tmp/doctor.unlimited)"
grep -q 'has no driver' /tmp/doctor.unlimited || fail "hvaccel doctor: $(cat /tmp/doctor.unlimited)"
speed=$(described '^link gpu' | sed 's/^link gpu: //')
for path in "$gpupt"/devices/*; do
	read -r role <"$path/role"
	[ "$role" != gpu ] || grep -q "busid=\"${path##*/}\".* link_speed=\"$speed\"" /tmp/xml ||
		fail "link of ${path##*/} in the XML is not $speed"
	[ -e "$pci_devices/${path##*/}" ] || fail "${path##*/} is no PCI function"
done
same "invented busids that exist" "" "$(find "$pci_devices" -name 'ffff:*')"
result functions "$functions"
result groups "$(grep -c 0x060400 /tmp/xml || :)"
# What sysfs knows of a function is what the bus and the slot say.
for path in "$gpupt"/devices/*; do
	name=${path##*/}
	slot=$(grep -l "^${name%.*}$" /sys/bus/pci/slots/*/address)
	same "serial of $name" "$(basename "$(dirname "$slot")")" "$(cat "$path/serial")"
	case $(readlink -f "$pci_devices/$name") in
	*/"$(cat "$path/guid")"/*) ;;
	*) fail "GUID of $name: $(cat "$path/guid")" ;;
	esac
done
