-- Where the lines of any number of hosts go. All lines are inserted into `pathjitter_lines`, which keeps nothing itself; windows and incidents go
-- on to tables of their own, other events are left out:
--
--   tail -F /var/log/pathjitter/pathjitter.ndjson |
--     clickhouse-client --input_format_skip_unknown_fields=1 --date_time_input_format=best_effort \
--       --query 'INSERT INTO pathjitter_lines FORMAT JSONEachRow'
--
-- A line that is inserted twice is kept once, as soon as ClickHouse merges its parts: `FINAL` in a query does not wait for that.
-- The columns are those of schemas/pathjitter-1.schema.json; tests/pipelines holds that none is missing.

CREATE TABLE IF NOT EXISTS pathjitter_windows
(
    timestamp         DateTime64(6, 'UTC'),
    vantage           LowCardinality(String),
    run_id            UUID,
    seq               UInt64,
    target            LowCardinality(String),
    address           String,
    port              Nullable(UInt16),
    family            LowCardinality(String),
    proto             LowCardinality(String),
    flow              UInt64,
    window_start      DateTime64(6, 'UTC'),
    window_s          Float64,
    complete          Bool,
    sent              UInt64,
    received          UInt64,
    lost              UInt64,
    late              UInt64,
    late_after_close  UInt64,
    duplicate         UInt64,
    reordered         UInt64,
    refused           UInt64,
    reset             UInt64,
    unreachable       UInt64,
    prohibited        UInt64,
    send_error        UInt64,
    unjudged          UInt64,
    loss_ratio        Nullable(Float64),
    loss_ci_low       Nullable(Float64),
    loss_ci_high      Nullable(Float64),
    rtt_min_us        Nullable(Float64),
    rtt_mean_us       Nullable(Float64),
    rtt_p50_us        Nullable(Float64),
    rtt_p90_us        Nullable(Float64),
    rtt_p99_us        Nullable(Float64),
    rtt_p999_us       Nullable(Float64),
    rtt_max_us        Nullable(Float64),
    rtt_stddev_us     Nullable(Float64),
    rtt_mdev_us       Nullable(Float64),
    jitter_rfc3550_us Nullable(Float64),
    ipdv_p50_us       Nullable(Float64),
    ipdv_p99_us       Nullable(Float64),
    refused_p50_us    Nullable(Float64),
    refused_p99_us    Nullable(Float64),
    loss_burst_max    UInt64,
    stamp             LowCardinality(String),
    stamps_lost       UInt64,
    self_noise        Bool,
    send_late_p99_us  Nullable(Float64),
    `group`           Nullable(String),
    labels            Array(Tuple(name String, value String)),
    rtt_hist_ns       Tuple(values Array(UInt64), counts Array(UInt64))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(window_start)
ORDER BY (target, proto, address, flow, vantage, window_start, run_id, seq)
TTL toDateTime(window_start) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS pathjitter_incidents
(
    timestamp         DateTime64(6, 'UTC'),
    event             LowCardinality(String),
    vantage           LowCardinality(String),
    run_id            UUID,
    seq               UInt64,
    incident_id       String,
    vantages          Array(String),
    verdict           LowCardinality(String),
    targets           Array(String),
    healthy           Array(String),
    `group`           Nullable(String),
    began             DateTime64(6, 'UTC'),
    last              DateTime64(6, 'UTC'),
    duration_s        Float64,
    chance            Nullable(Float64),
    onset_skew_ms     Nullable(Float64),
    ruled_out         Array(String),
    message           String,
    suspect           Tuple(address Nullable(String), ttl Nullable(UInt8), from_ttl Nullable(UInt8), name Nullable(String), score Nullable(Float64))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(began)
ORDER BY (began, incident_id, run_id, seq);

-- Two fields have other types in lines of probes and traces, which are taken as text and left out.
CREATE TABLE IF NOT EXISTS pathjitter_lines
(
    event             LowCardinality(String),
    timestamp         DateTime64(6, 'UTC'),
    vantage           LowCardinality(String),
    run_id            UUID,
    seq               UInt64,
    target            LowCardinality(String),
    address           String,
    port              Nullable(UInt16),
    family            LowCardinality(String),
    proto             LowCardinality(String),
    flow              UInt64,
    window_start      DateTime64(6, 'UTC'),
    window_s          Float64,
    complete          Bool,
    sent              UInt64,
    received          UInt64,
    lost              UInt64,
    late              UInt64,
    late_after_close  UInt64,
    duplicate         UInt64,
    reordered         Nullable(String),
    refused           UInt64,
    reset             UInt64,
    unreachable       Nullable(String),
    prohibited        UInt64,
    send_error        UInt64,
    unjudged          UInt64,
    loss_ratio        Nullable(Float64),
    loss_ci_low       Nullable(Float64),
    loss_ci_high      Nullable(Float64),
    rtt_min_us        Nullable(Float64),
    rtt_mean_us       Nullable(Float64),
    rtt_p50_us        Nullable(Float64),
    rtt_p90_us        Nullable(Float64),
    rtt_p99_us        Nullable(Float64),
    rtt_p999_us       Nullable(Float64),
    rtt_max_us        Nullable(Float64),
    rtt_stddev_us     Nullable(Float64),
    rtt_mdev_us       Nullable(Float64),
    jitter_rfc3550_us Nullable(Float64),
    ipdv_p50_us       Nullable(Float64),
    ipdv_p99_us       Nullable(Float64),
    refused_p50_us    Nullable(Float64),
    refused_p99_us    Nullable(Float64),
    loss_burst_max    UInt64,
    stamp             LowCardinality(String),
    stamps_lost       UInt64,
    self_noise        Bool,
    send_late_p99_us  Nullable(Float64),
    `group`           Nullable(String),
    labels            Array(Tuple(name String, value String)),
    rtt_hist_ns       Tuple(values Array(UInt64), counts Array(UInt64)),
    incident_id       String,
    vantages          Array(String),
    verdict           LowCardinality(String),
    targets           Array(String),
    healthy           Array(String),
    began             DateTime64(6, 'UTC'),
    last              DateTime64(6, 'UTC'),
    duration_s        Float64,
    chance            Nullable(Float64),
    onset_skew_ms     Nullable(Float64),
    ruled_out         Array(String),
    message           String,
    suspect           Tuple(address Nullable(String), ttl Nullable(UInt8), from_ttl Nullable(UInt8), name Nullable(String), score Nullable(Float64))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS pathjitter_windows_of_lines TO pathjitter_windows AS
SELECT timestamp, vantage, run_id, seq, target, address, port, family, proto, flow, window_start, window_s, complete, sent, received,
    lost, late, late_after_close, duplicate, toUInt64OrZero(reordered) AS reordered, refused, reset,
    toUInt64OrZero(unreachable) AS unreachable, prohibited, send_error, unjudged, loss_ratio,
    loss_ci_low, loss_ci_high, rtt_min_us, rtt_mean_us, rtt_p50_us, rtt_p90_us, rtt_p99_us, rtt_p999_us, rtt_max_us, rtt_stddev_us,
    rtt_mdev_us, jitter_rfc3550_us, ipdv_p50_us, ipdv_p99_us, refused_p50_us, refused_p99_us, loss_burst_max, stamp, stamps_lost,
    self_noise, send_late_p99_us, `group`, labels, rtt_hist_ns
FROM pathjitter_lines
WHERE event = 'window';

CREATE MATERIALIZED VIEW IF NOT EXISTS pathjitter_incidents_of_lines TO pathjitter_incidents AS
SELECT timestamp, event, vantage, run_id, seq, incident_id, vantages, verdict, targets, healthy, `group`, began, last, duration_s, chance,
    onset_skew_ms, ruled_out, message, suspect
FROM pathjitter_lines
WHERE event IN ('incident_open', 'incident_update', 'incident_close');
