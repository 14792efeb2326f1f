# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# Every command of docs/tuning.md works on a NIC of hv_netvsc_accel, which passes traffic afterwards.
#: cpus=2 deadline=240 prepare=packaging/doc-commands
#: --net @nic@,id=net0,queues=2,backend=tap:ifname=lab0

DRIVER=hv_netvsc_accel
driver_load
address "$nics"
ran=0
while read -r command; do
	command=$(echo "$command" | sed "s/NIC/$nics/g")
	status=0
	sh -c "$command" >/tmp/said 2>&1 </dev/null || status=$?
	note "$command: $status: $(tail -n 1 /tmp/said)"
	case $command:$status in
	# its statuses tell the path of the traffic: here there is no VF
	'hvaccel status'*:5) ;;
	# nothing is passed through to this machine
	'hvaccel doctor':3 | 'hvaccel topo':3)
		grep -q 'no device behind a synthetic PCI bus' /tmp/said || fail "$command: $(cat /tmp/said)"
		;;
	*:0) ;;
	*) fail "$command ends with $status: $(cat /tmp/said)" ;;
	esac
	ran=$((ran + 1))
done </lab/commands
result commands "$ran"
echo_test
