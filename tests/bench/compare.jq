# SPDX-License-Identifier: GPL-2.0
# What has become dearer: rows of the old results ($base, a list of one results.json) against those of the input.
# Arguments: $base, $percent. A row that is gone, or says why it has no number now, has failed too.

def value: .guest_ns // .memory_kb;
def key: { kernel, setting, bench, phase, driver };
(reduce .rows[] as $r ({}; .[$r | key | tojson] = $r)) as $new
| [ $base[0].rows[] | select(value)
    | . as $old | $new[key | tojson] as $now
    | key + { label: .label, old: value }
      + if $now == null then { verdict: "gone" }
        elif ($now | value) == null then { verdict: "refused", why: $now.refused }
        else (($now | value) / value - 1) as $change
          | { new: ($now | value), change: $change,
              verdict: (if $change * 100 > $percent then "dearer"
                        elif $change * 100 < -$percent then "cheaper" else "same" end) }
        end ]
| { rows: ., compared: length,
    failed: (map(select(.verdict == "dearer" or .verdict == "gone" or .verdict == "refused")) | length) }
