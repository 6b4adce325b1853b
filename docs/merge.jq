# One line per target and protocol over any number of `window` lines: sent, lost, p50 and p99 in us.
#
#   jq -rs -f docs/merge.jq FILE...
#
# Cells of `rtt_hist_ns` add up, so the quantiles are those of all RTTs together, not an average of quantiles.

# The lower edge of the cell that holds rank ceil(q n), of [[edge, count], ...] in ascending order.
def quantile($q):
  (map(.[1]) | add // 0) as $n
  | ([($q * $n | ceil), 1] | max) as $rank
  | reduce .[] as [$edge, $count] ({seen: 0, at: null};
      .seen += $count
      | if .at == null and .seen >= $rank then .at = $edge else . end)
  | .at;

def us: if . == null then "-" else . / 1000 end;

["target", "proto", "sent", "lost", "p50_us", "p99_us"],
(map(select(.event == "window"))
  | group_by([.target, .proto, .port])[]
  | ([.[].rtt_hist_ns | [.values, .counts] | transpose[]]
      | group_by(.[0])
      | map([.[0][0], (map(.[1]) | add)])) as $cells
  | [.[0].target, .[0].proto, (map(.sent) | add), (map(.lost) | add),
     ($cells | quantile(0.5) | us), ($cells | quantile(0.99) | us)])
| @tsv
