# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# A sender that is faster than the host, and that no byte limit stops, runs out of send sections: where
# there are many the queue waits for them and is started again, where there are few packets go by
# reference meanwhile, and beside an AF_XDP socket that takes all of them it goes on as well.
#: cpus=1 deadline=120 guest=bench guest=modules
#: PACKETS=6000
#: --io-delay 20
#: --io-rate 500000
#: --net netvsc,id=net0,backend=sink
#: --net netvsc,id=net1,backend=sink

# shellcheck source=/dev/null
. /lab/measure.sh
# shellcheck source=/dev/null
. /lab/flood.sh

[ "$DRIVER" = hv_netvsc_accel ] || skip "sections and counters are those of hv_netvsc_accel"
[ -n "$COUNTED" ] || skip "who is faster is known in counted mode only"

driver_load 2
many=${nics% *}
few=${nics#* }
quiet_up "$many"
quiet_up "$few"

sections "$many" 170
was "$many"
flood "$many" net0
result many_direct "$(direct "$many")"
same "packets by reference, of a queue with many sections" 0 "$(direct "$many")"
at_least "times that it stopped" 2 "$(stops "$many")"
same "starts after each stop" "$(value "$many" tx_queue_0_stop)" "$(value "$many" tx_queue_0_wake)"

sections "$few" 32
was "$few"
flood "$few" net1
result few_direct "$(direct "$few")"
at_least "packets by reference, of a queue with few sections" 100 "$(direct "$few")"
same "for want of a section" "$(direct "$few")" "$(no_section "$few")"

# Nobody can complete anything while netpoll sends: it gets as far as there are slots.
sections "$many" 170
insert_ours tx_batch "nic=$many" size=60 burst=400 count=400 netpoll=1
echo 1 >/sys/module/tx_batch/parameters/run || fail "tx_batch does not run"
same "packets that netpoll sent" 400 "$(cat /sys/module/tx_batch/parameters/sent)"
same "times that netpoll had to wait" 0 "$(cat /sys/module/tx_batch/parameters/busy)"
run rmmod tx_batch

# The socket sends for longer than the queue's packets need. Who waited for sections would send one by
# reference, and the rest when the socket is done.
waiter xdp txonly "$many" 0 $((20 * PACKETS)) 60 measure || fail "xdp: $(tail -n 1 /tmp/waiter.err)"
was "$many"
flood "$many" net0 0 begin_now
result beside_direct "$(direct "$many")"
at_least "packets by reference, beside a socket" 20 "$(direct "$many")"
waiter_done
waiter_end
