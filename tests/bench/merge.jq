# SPDX-License-Identifier: GPL-2.0
# Rows of all runs of one bench ([[rows of run 1], [rows of run 2], ...]) into one row for each
# driver and phase: the median run, with every run's guest_ns and their spread.
# Arguments: $bench, $setting, $kernel.

[ .[][] ] | group_by([.phase, .driver]) | map(
    (if all(.[]; .guest_ns) then sort_by(.guest_ns) else . end) as $sorted
    | $sorted[($sorted | length) / 2 | floor]
    | { bench: $bench, setting: $setting, kernel: $kernel } + .
    | if .guest_ns then
        .runs = ($sorted | map(.guest_ns))
        | .spread = ((.runs | max) / (.runs | min) - 1)
      else . end)
| . as $rows
| map(. as $r
    | ([ $rows[] | select(.driver == "hv_netvsc" and .phase == $r.phase) ][0].guest_ns) as $base
    | .ratio = (if $base and .guest_ns then .guest_ns / $base else null end))
