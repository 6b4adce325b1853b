"""Runs the shipped tables and queries on real lines: clickhouse.py FOLDER LINES... Prints the answer to each query as JSON."""

import json
import pathlib
import re
import sys

from chdb.session import Session

folder = pathlib.Path(sys.argv[1])
session = Session()
session.query("CREATE DATABASE test; USE test;")


def statements(name):
    return [part.strip() for part in (folder / name).read_text().split(";\n") if part.strip()]


for statement in statements("table.sql"):
    session.query(statement)
settings = "SETTINGS input_format_skip_unknown_fields = 1, date_time_input_format = 'best_effort'"
for lines in sys.argv[2:]:
    session.query(f"INSERT INTO pathjitter_lines {settings} FORMAT JSONEachRow {pathlib.Path(lines).read_text()}")

answers = {}
for statement in statements("queries.sql"):
    (name,) = re.findall(r"^-- (\w+): ", statement, re.MULTILINE)
    rows = str(session.query(statement, "JSONEachRow").data())
    answers[name] = [json.loads(row) for row in rows.splitlines()]
print(json.dumps(answers))
