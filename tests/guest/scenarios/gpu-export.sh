# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Parts of a GPU's memory as dma-bufs: who gets what, that data is the device's, and how it ends.
#: cpus=2 deadline=180 guest=gpu guest=modules
#: --pci gpu,id=gpu0,domain=1,serial=1,memory=16M
#: --pci gpu,id=gpu1,domain=2,serial=2,memory=2M,msix-in-memory=on
#: --pci rdma,id=ib0,domain=0x101,serial=4

# shellcheck disable=SC1091
. /lab/gpu.sh

gpu_up
claim 0001:00:00.0
insert_ours lab_dma
eventually 10 "the engine" test -c /dev/labdma/0101:00:00.0
echo 1000 >/sys/module/hv_gpu_passthrough/parameters/revoke_timeout_ms
for wrong in 9 30001 -1 x; do
	! echo "$wrong" >/sys/module/hv_gpu_passthrough/parameters/revoke_timeout_ms 2>/dev/null ||
		fail "revoke_timeout_ms takes $wrong"
done

gputest() {
	run /lab/programs/gputest "$@" 0001:00:00.0 0101:00:00.0
}

# 6.1 has no write combining without MTRRs, which the lab has not; the debug kernel is built without.
case $KERNEL in
6.1 | 6.1-* | debug) ;;
*) export WANT_WC=1 ;;
esac
same "mode of the device file" 600 "$(stat -c %a /dev/gpupt/0001:00:00.0)"
[ ! -e /dev/gpupt/0002:00:00.0 ] || fail "a function that nobody handed over was claimed"
gputest cases
grep -q '^0001:00:00.0 0101:00:00.0 [a-z]* allowed passed ' "$gpupt/p2p_matrix" ||
	fail "verdict: $(cat "$gpupt/p2p_matrix")"
grep -q '^0002:00:00.0 0101:00:00.0 [a-z]* refused unchecked its own driver decides$' \
	"$gpupt/p2p_matrix" || fail "verdict: $(cat "$gpupt/p2p_matrix")"

# Servicing by hand.
echo 1 >"$gpupt/devices/0001:00:00.0/quiesce"
same quiesced 1 "$(of 0001:00:00.0 quiesce)"
! /lab/programs/gputest probe 0 4096 0001:00:00.0 - 2>/dev/null || fail "exported while quiesced"
echo 0 >"$gpupt/devices/0001:00:00.0/quiesce"
/lab/programs/gputest probe 0 4096 0001:00:00.0 - || fail "not exported after resuming"
! echo 1 2>/dev/null >"$gpupt/devices/0101:00:00.0/quiesce" || fail "quiesced what is not claimed"

# A module with an export alive stays; without, it goes, and functions are free.
sh -c 'exec 9<>/dev/gpupt/0001:00:00.0; sleep 3' &
sleep 1
! rmmod hv_gpu_passthrough 2>/dev/null || fail "unloaded with an open file"
wait
maps=$(stat_of 0001:00:00.0 maps)
same "mappings undone" "$maps" "$(stat_of 0001:00:00.0 unmaps)"
result maps "$maps"
result revokes "$(stat_of 0001:00:00.0 revokes)"
result revoke_max_ms $(($(stat_of 0001:00:00.0 revoke_max_ns) / 1000000))
run rmmod hv_gpu_passthrough
[ ! -e /dev/gpupt/0001:00:00.0 ] || fail "the device file is still there"
[ ! -e "$pci_devices/0001:00:00.0/driver" ] || fail "the function still has a driver"
