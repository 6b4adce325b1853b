-- Questions to the tables of table.sql. Each is named by the line before it, and run by tests/pipelines.

-- figures: loss and exact percentiles of each target over all windows and vantages. Cells add up, so these are the percentiles of all round trips
-- together, not means of percentiles. A window that the prober itself disturbed proves nothing.
WITH
    sumMap(rtt_hist_ns.values, rtt_hist_ns.counts) AS cells,
    arrayCumSum(cells.2) AS upto,
    (q -> cells.1[arrayFirstIndex(n -> n >= greatest(1, ceil(q * upto[-1])), upto)] / 1000) AS quantile_us
SELECT
    target,
    proto,
    uniqExact(vantage) AS vantages,
    sum(sent) AS probes,
    sum(lost) AS losses,
    losses / probes AS loss,
    quantile_us(0.5) AS p50_us,
    quantile_us(0.99) AS p99_us
FROM pathjitter_windows FINAL
WHERE NOT self_noise
GROUP BY target, proto
HAVING probes > 0
ORDER BY target, proto;

-- worst_minutes: the minutes in which a target lost most, and how many vantages saw it.
SELECT
    toStartOfMinute(window_start) AS minute,
    target,
    proto,
    sum(lost) AS losses,
    sum(sent) AS probes,
    uniqExactIf(vantage, lost > 0) AS vantages
FROM pathjitter_windows FINAL
WHERE NOT self_noise
GROUP BY minute, target, proto
HAVING losses > 0
ORDER BY losses / probes DESC, minute
LIMIT 20;

-- incidents: each once, by its last word.
SELECT
    incident_id,
    any(vantage) AS seen_by,
    min(began) AS since,
    max(last) AS until,
    argMax(verdict, seq) AS last_verdict,
    argMax(targets, seq) AS suffering,
    argMax(suspect.address, seq) AS blamed,
    argMax(message, seq) AS sentence
FROM pathjitter_incidents FINAL
GROUP BY incident_id
ORDER BY since;

-- agreement: incidents of different vantages that overlap and have the same suspect: seen by several, it is nobody's own host.
WITH each AS
(
    SELECT
        incident_id,
        any(vantage) AS seen_by,
        min(began) AS since,
        max(last) AS until,
        argMax(verdict, seq) AS last_verdict,
        argMax(suspect.address, seq) AS blamed
    FROM pathjitter_incidents FINAL
    GROUP BY incident_id
)
SELECT a.blamed AS blamed, a.last_verdict AS verdict, a.seen_by AS one, b.seen_by AS other, greatest(a.since, b.since) AS both_since
FROM each AS a
INNER JOIN each AS b ON a.blamed = b.blamed
WHERE a.seen_by < b.seen_by AND a.since <= b.until AND b.since <= a.until
ORDER BY both_since;
