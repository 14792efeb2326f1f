# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# One queue of several has all the traffic, more than its part of the send buffer holds: the others lend it
# sections. When another one's turn comes they are lent on to that one.
#: cpus=4 deadline=120 guest=bench guest=modules
#: PACKETS=6000
#: --io-delay 20
#: --io-rate 100000
#: --net netvsc,id=net0,backend=sink,queues=@CPUS@

# shellcheck source=/dev/null
. /lab/measure.sh
# shellcheck source=/dev/null
. /lab/flood.sh

[ "$DRIVER" = hv_netvsc_accel ] || skip "sections and counters are those of hv_netvsc_accel"
[ -n "$COUNTED" ] || skip "who is faster is known in counted mode only"

driver_load 1
nic=${nics% *}
quiet_up "$nic"
all_channels "$nic"

# 64 of its own, and half of those of each other queue: 160, of which it waits for some, as a queue of 128 does
sections "$nic" 256
was "$nic" 0
flood "$nic" net0 0
result borrowed "$(borrowed "$nic")"
result direct "$(direct "$nic")"
same "packets by reference" 0 "$(direct "$nic")"
same "sections borrowed of three that have 64 each" 96 "$(borrowed "$nic")"
at_least "times that the queue stopped" 1 "$(stops "$nic")"

# it has 32 left, and needs more than three times as many for that
was "$nic" 2
flood "$nic" net0 2
result borrowed_on "$(borrowed "$nic")"
same "packets by reference, of the next" 0 "$(direct "$nic")"
at_least "sections lent on to the next" 96 "$(borrowed "$nic")"

# too few in all for anybody to wait for: 8 and 12 of the others
sections "$nic" 32
was "$nic" 1
flood "$nic" net0 1
result few_borrowed "$(borrowed "$nic")"
same "sections borrowed of three that have 8 each" 12 "$(borrowed "$nic")"
at_least "packets by reference, of a queue with few sections" 100 "$(direct "$nic")"

# a new session begins with what each has of its own
sections "$nic" 256
was "$nic" 3
flood "$nic" net0 3
same "sections borrowed in a new session" 96 "$(borrowed "$nic")"
