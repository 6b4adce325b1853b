"""Prints what the Python HdrHistogram reads in an interval log: a line of JSON per histogram."""

import json
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

LOWEST, HIGHEST, DIGITS = 1, 3_600_000_000_000, 3

reader = HistogramLogReader(sys.argv[1], HdrHistogram(LOWEST, HIGHEST, DIGITS))
while (histogram := reader.get_next_interval_histogram()) is not None:
    print(
        json.dumps(
            {
                "tag": histogram.get_tag(),
                "start_ms": histogram.get_start_time_stamp(),
                "count": histogram.get_total_count(),
                "p50_ns": histogram.get_value_at_percentile(50),
                "mean_ns": histogram.get_mean_value(),
                "max_ns": histogram.get_max_value(),
            }
        )
    )
