# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# A GPU goes while a NIC writes its memory and a process has it mapped: ejected, rescinded, pulled.
#: cpus=2 deadline=240 guest=gpu guest=modules
#: --pci gpu,id=gpu0,domain=1,serial=1,memory=16M
#: --pci rdma,id=ib0,domain=0x101,serial=2

# shellcheck disable=SC1091
. /lab/gpu.sh

gone() {
	[ ! -e "$pci_devices/$1" ] && [ ! -e "$gpupt/devices/$1" ] && [ ! -e "/dev/gpupt/$1" ]
}

# under_fire COMMAND...: that takes the GPU away, while it is in use; the user tells what he saw.
under_fire() {
	rm -f /tmp/ready
	/lab/programs/gputest removal /tmp/ready 0001:00:00.0 0101:00:00.0 >/tmp/user.log 2>&1 &
	user=$!
	eventually 20 "its user" test -e /tmp/ready
	"$@"
	eventually 40 "removal by '$*'" gone 0001:00:00.0
	wait "$user" || fail "the user of what went by '$*': $(cat /tmp/user.log)"
	result "$(echo "$*" | tr -c 'a-z0-9\n' _)" ok
}

back() {
	host gpu0 add
	eventually 30 "the function" test -e "$pci_devices/0001:00:00.0"
	claim 0001:00:00.0
}

by_sysfs() {
	echo 1 >"$pci_devices/0001:00:00.0/remove"
}

unbind() {
	echo 0001:00:00.0 >"$pci_devices/0001:00:00.0/driver/unbind"
}

gpu_up
insert_ours lab_dma
eventually 10 "the engine" test -c /dev/labdma/0101:00:00.0
claim 0001:00:00.0
under_fire host gpu0 remove
tell "do gpu0 state" || fail "state: $answer"
case " $answer " in
*" ejected=1 "*) ;;
*) fail "the guest did not let go of it: $answer" ;;
esac
back
under_fire host gpu0 rescind
back
under_fire host gpu0 rescind abrupt
back

# Unbound by hand: the function stays, its export goes; a second time round it works again.
rm -f /tmp/ready
/lab/programs/gputest removal /tmp/ready 0001:00:00.0 0101:00:00.0 >/tmp/user.log 2>&1 &
user=$!
eventually 20 "its user" test -e /tmp/ready
unbind
wait "$user" || fail "the user of what was unbound: $(cat /tmp/user.log)"
[ -e "$gpupt/devices/0001:00:00.0" ] || fail "unbound, it is not listed any more"
claim 0001:00:00.0
under_fire by_sysfs

# The importer goes instead, with a mapping: its driver lets go, the GPU does not notice.
host gpu0 rescind
eventually 30 "removal of the bus" gone 0001:00:00.0
back
same "exports alive" ok "$(/lab/programs/gputest probe 0 4096 0001:00:00.0 - >/dev/null && echo ok)"
result dma "$(tell "do ib0 dma" && echo "$answer")"

# Somebody asks of the importer while that goes and comes; what its check found goes with it.
rm -f /tmp/stop
/lab/programs/gputest p2p /tmp/stop 0001:00:00.0 0101:00:00.0 >/tmp/p2p.log 2>&1 &
asker=$!
for way in rescind 'rescind abrupt' rescind remove 'rescind abrupt' rescind; do
	# shellcheck disable=SC2086
	host ib0 $way
	eventually 60 "removal of the importer" gone 0101:00:00.0
	host ib0 add
	eventually 60 "the importer" test -e "$gpupt/devices/0101:00:00.0"
done
sleep 1
: >/tmp/stop
wait "$asker" || fail "questions: $(cat /tmp/p2p.log)"
result p2p "$(tail -n 1 /tmp/p2p.log | tr " " ,)"
matrix_says() {
	grep -q "^0001:00:00.0 0101:00:00.0 [a-z]* allowed $1 " "$gpupt/p2p_matrix"
}
matrix_says passed || fail "verdict: $(cat "$gpupt/p2p_matrix")"
host ib0 rescind
eventually 60 "removal of the importer" gone 0101:00:00.0
host ib0 add
eventually 60 "the importer" test -e "$gpupt/devices/0101:00:00.0"
matrix_says unchecked || fail "a new function has an old one's check: $(cat "$gpupt/p2p_matrix")"
