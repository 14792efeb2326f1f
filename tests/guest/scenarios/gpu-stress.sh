# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Exports under stress: calls with any arguments against a model; using against taking away, at once.
#: cpus=2 deadline=5400 guest=gpu guest=modules
#: ROUNDS=300 CALLS=20000 SEED=1
#: --pci gpu,id=gpu0,domain=1,serial=1,memory=16M
#: --pci gpu,id=gpu1,domain=2,serial=2,memory=2M,msix-in-memory=on
#: --pci rdma,id=ib0,domain=0x101,serial=4

# shellcheck disable=SC1091
. /lab/gpu.sh

# references: to the module, by who has its files open, or functions that it drives.
references() {
	cat /sys/module/hv_gpu_passthrough/refcnt
}

# dma_bufs: that are alive, of anybody; the kernel's own list of them.
dma_bufs() {
	sed -n 's/^Total \([0-9]*\) objects.*/\1/p' /sys/kernel/debug/dma_buf/bufinfo
}

gpu_up
insert_ours lab_dma
eventually 10 "the engine" test -c /dev/labdma/0101:00:00.0
echo 1000 >/sys/module/hv_gpu_passthrough/parameters/revoke_timeout_ms
claim 0001:00:00.0
claim 0002:00:00.0
case $KERNEL in
6.1 | 6.1-* | debug) ;;
*) export WANT_WC=1 ;;
esac
before=$(references)
same "dma-bufs before" 0 "$(dma_bufs)"

# gputest COMMAND...: prints what it did; nothing of it may be left
gputest() {
	note "+ gputest $*"
	begun=$(cut -d. -f1 /proc/uptime)
	/lab/programs/gputest "$@" >/tmp/gputest.log 2>&1 || {
		cat /tmp/gputest.log
		fail "gputest $*: $(tail -n 1 /tmp/gputest.log)"
	}
	cat /tmp/gputest.log
	result "$1" "$(tail -n 1 /tmp/gputest.log | tr ' ' ',')"
	result "$1_seconds" $(($(cut -d. -f1 /proc/uptime) - begun))
	same "references to the module after $1" "$before" "$(references)"
	same "dma-bufs after $1" 0 "$(dma_bufs)"
}

# The MSI-X table's pages, as hvlab puts them at the end of the memory, belong to the model.
[ "$CALLS" = 0 ] ||
	MSIX=0x1fe000-0x200000 gputest fuzz "$CALLS" "$SEED" 0002:00:00.0 0101:00:00.0
[ "$ROUNDS" = 0 ] || gputest races "$ROUNDS" 0001:00:00.0 0101:00:00.0
run rmmod hv_gpu_passthrough
run rmmod lab_dma
